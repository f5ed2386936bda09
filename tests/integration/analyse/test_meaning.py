"""Which texts the model reads at once, which later, and what its findings keep."""

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from fanal.analyse import operations, queries
from fanal.analyse.domain.records import Finding
from fanal.formats.report.records import ReportKind
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.kernel.actors import system_actor
from fanal.kernel.ids import new_id

pytestmark = [pytest.mark.django_db, pytest.mark.role("worker")]
NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
SYSTEM = system_actor("test")
TEXT = "Elle doit rejoindre demain à 15 h devant la piscine un adulte connu sur un jeu."


@pytest.fixture(autouse=True)
def keys(installed_keys: None) -> Iterator[None]:
    operations.unread(most=100_000)
    return


def report(**fields: object) -> HarmonisedReport:
    base = {
        "report_id": new_id(NOW),
        "reference": "r",
        "kind": ReportKind.OTHER,
        "description": TEXT,
    }
    return HarmonisedReport(**{**base, **fields})  # type: ignore[arg-type]


def by_meaning(subject: HarmonisedReport) -> list[Finding]:
    stored = queries.get_analyses(actor=SYSTEM, report_ids=[subject.report_id])
    found = stored[subject.report_id].findings
    return [finding for finding in found if finding.because.code.startswith("MEANING")]


def test_a_citizens_text_is_read_at_once_and_its_finding_stays_explained() -> None:
    subject = report()
    operations.analyse_batch(actor=SYSTEM, reports=[subject], now=NOW, citizens={subject.report_id})
    found = {finding.code: finding for finding in by_meaning(subject)}
    parameters = found["IMMINENCE_MEETING_PLANNED"].because.parameters
    assert (parameters["hours_from"], parameters["hours_to"]) == (29, 30)
    assert str(parameters["engine"]) in found["IMMINENCE_MEETING_PLANNED"].rule_version
    assert operations.unread(most=5) == []


def test_an_emergency_is_read_at_once_in_a_small_batch() -> None:
    urgent, other = report(emergency=True), report()
    operations.analyse_batch(actor=SYSTEM, reports=[other, urgent], now=NOW)
    assert by_meaning(urgent)
    assert by_meaning(other) == []


def test_other_texts_are_read_later_emergencies_first() -> None:
    batch = [report(), *(report(emergency=n == 8) for n in range(9)), report(description=None)]
    operations.analyse_batch(actor=SYSTEM, reports=batch, now=NOW)
    waiting = operations.unread(most=100)
    assert waiting == [batch[9].report_id, *(r.report_id for r in batch[:9])]
    plain = report(description="Bonjour, quels sont vos horaires ?")
    changed = operations.read_later(actor=SYSTEM, reports=[batch[0], plain], now=NOW)
    assert batch[0].report_id in changed
    assert by_meaning(batch[0])
    assert operations.unread(most=1) == []


def test_a_full_queue_keeps_the_emergencies_that_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "_LATER", deque(maxlen=3))
    batch = [report(emergency=True), *(report() for _ in range(8))]
    operations.analyse_batch(actor=SYSTEM, reports=batch, now=NOW)
    assert operations.unread(most=9) == [one.report_id for one in batch[:3]]
