"""Which texts the model reads at once, which later, and what its findings keep."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from django.db import connection

from fanal import pipeline
from fanal.analyse import operations, queries
from fanal.analyse.domain.records import Finding
from fanal.analyse.operations import read_meanings
from fanal.analyse.signals.operations import unread
from fanal.analyse.signals.reading import NoReader
from fanal.embedding.engine import EngineMissing, EngineStarting
from fanal.formats.report.records import ReportKind
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.kernel.actors import system_actor
from fanal.kernel.ids import new_id

pytestmark = [pytest.mark.django_db, pytest.mark.role("worker")]
NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
SYSTEM = system_actor("test")
TEXT = "Elle doit rejoindre demain à 15 h devant la piscine un adulte connu sur un jeu."


@pytest.fixture(autouse=True)
def keys(installed_keys: None) -> None:
    """The stage reads lists and payments."""


def report(**fields: object) -> HarmonisedReport:
    base = {
        "report_id": new_id(NOW),
        "reference": "r",
        "kind": ReportKind.OTHER,
        "description": TEXT,
    }
    return HarmonisedReport(**{**base, **fields})  # type: ignore[arg-type]


def waiting() -> list[tuple[UUID, int]]:
    """Return the reports whose texts wait, with their attempts."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT report_id, attempts FROM analyse_unread ORDER BY report_id")
        return list(cursor.fetchall())


def take(*, lost: bool = False) -> UUID | None:
    """Take the next text; `lost`: its worker ended, and the lease is over."""
    taken = unread.take_unread(actor=SYSTEM, token=uuid4())
    if lost:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE analyse_unread SET lease_until = now() - interval '1 second'")
    return taken


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
    assert waiting() == []


def test_a_sentence_that_others_dilute_brings_its_report_into_the_band_of_danger() -> None:
    told = "Il vient ce soir à 18h devant chez moi, il va me forcer à le suivre, j'ai peur."
    around = (
        "Nous avons une petite maison avec un jardin. Le bus était encore en retard mardi. " * 4
    )
    subject = report(description=f"{around}{told} {around}")
    operations.analyse_batch(actor=SYSTEM, reports=[subject], now=NOW, citizens={subject.report_id})
    operations.prioritise_batch(actor=SYSTEM, reports=[subject], kin=[], now=NOW)
    (alone,) = (f for f in by_meaning(subject) if f.code == "DANGER_SENTENCE")
    assert alone.value == told
    stored = queries.get_analyses(actor=SYSTEM, report_ids=[subject.report_id])
    assert stored[subject.report_id].rule_version.startswith("analyse/4 ")
    [priority] = queries.get_priorities(actor=SYSTEM, report_ids=[subject.report_id]).values()
    assert priority.level == "DANGER"
    read = {part.code: part.because.parameters.get("value") for part in priority.parts}
    assert (alone.score > 0.9, read["DANGER_READ"], priority.score) == (True, 0.5, 97)


def test_an_emergency_is_read_at_once_in_a_small_batch() -> None:
    urgent, other = report(emergency=True), report()
    operations.analyse_batch(actor=SYSTEM, reports=[other, urgent], now=NOW)
    assert by_meaning(urgent)
    assert by_meaning(other) == []


def test_other_texts_are_read_later_emergencies_first() -> None:
    batch = [report(), *(report(emergency=n == 8) for n in range(9)), report(description=None)]
    operations.analyse_batch(actor=SYSTEM, reports=batch, now=NOW)
    assert [take() for _ in batch] == [
        batch[9].report_id,
        *sorted(r.report_id for r in batch[:9]),
        None,
    ]
    operations.add_meanings(
        actor=SYSTEM, reports=batch[:1], meanings=read_meanings(reports=batch[:1]), now=NOW
    )
    assert by_meaning(batch[0])
    assert batch[0].report_id not in dict(waiting())


def test_a_report_without_text_waits_for_nothing() -> None:
    operations.analyse_batch(
        actor=SYSTEM, reports=[report(description=None) for _ in range(3)], now=NOW
    )
    assert waiting() == []


def test_a_text_whose_worker_ended_twice_is_left_aside_until_a_replay() -> None:
    poison, other = sorted((report(), report()), key=lambda r: r.report_id)
    operations.analyse_batch(actor=SYSTEM, reports=[poison, other], now=NOW)
    assert take(lost=True) == poison.report_id
    assert take() == other.report_id, "one that was not tried comes first"
    assert take(lost=True) == poison.report_id
    assert take(lost=True) == other.report_id
    assert take() is None
    assert dict(waiting()) == {poison.report_id: 2, other.report_id: 2}
    operations.analyse_batch(actor=SYSTEM, reports=[poison], now=NOW)
    assert take() == poison.report_id


def test_a_text_under_lease_is_no_other_workers() -> None:
    subject, token = report(), uuid4()
    operations.analyse_batch(actor=SYSTEM, reports=[subject], now=NOW)
    assert unread.take_unread(actor=SYSTEM, token=token) == subject.report_id
    assert take() is None
    assert not unread.end_reading(actor=SYSTEM, report_id=subject.report_id, token=uuid4())
    assert unread.stop_reading(actor=SYSTEM, token=uuid4()) is None
    assert unread.stop_reading(actor=SYSTEM, token=token) == (subject.report_id, False)
    assert unread.take_unread(actor=SYSTEM, token=token) == subject.report_id
    assert unread.end_reading(actor=SYSTEM, report_id=subject.report_id, token=token)
    assert waiting() == []


def test_without_a_model_texts_wait_untried(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = report()
    operations.analyse_batch(actor=SYSTEM, reports=[subject], now=NOW)
    monkeypatch.setattr(unread, "reader_in_force", lambda: NoReader("ENGINE", "none"))
    assert take() is None
    assert waiting() == [(subject.report_id, 0)]


@pytest.mark.parametrize("failure", [EngineMissing("memory"), FileNotFoundError("python")])
def test_a_text_is_not_blamed_for_an_engine_that_does_not_start(
    failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*, reports: object, answers: object) -> object:
        raise failure

    monkeypatch.setattr(pipeline, "read_meanings", fails)
    subject = report()
    operations.analyse_batch(actor=SYSTEM, reports=[subject], now=NOW)
    for _ in range(unread.MAX_ATTEMPTS):
        with pytest.raises(type(failure)):
            pipeline.read_later(token=uuid4(), now=NOW)
        assert waiting() == [(subject.report_id, 0)]
    assert take() == subject.report_id


@pytest.mark.parametrize("starting", [True, False])
def test_a_text_waits_for_an_engine_that_is_starting(
    starting: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*, reports: object, answers: object) -> object:
        if starting:
            raise EngineStarting("its process is starting")
        return {}

    subject = report()
    operations.analyse_batch(actor=SYSTEM, reports=[subject], now=NOW)
    monkeypatch.setattr(pipeline, "read_meanings", away)
    monkeypatch.setattr(
        pipeline.harmonised, "get_records", lambda **_: {subject.report_id: subject}
    )
    assert pipeline.read_later(token=uuid4(), now=NOW) == 0
    assert waiting() == [(subject.report_id, 0)]


def test_the_queue_forgets_an_erased_report() -> None:
    subject = report()
    operations.analyse_batch(actor=SYSTEM, reports=[subject], now=NOW)
    operations.erase(actor=SYSTEM, report_ids=[subject.report_id], now=NOW)
    assert waiting() == []


def test_a_report_tried_before_is_read_later() -> None:
    subject = report(emergency=True)
    operations.analyse_batch(actor=SYSTEM, reports=[subject], now=NOW, tried={subject.report_id})
    assert by_meaning(subject) == []
    assert waiting() == [(subject.report_id, 0)]


def test_a_model_that_fails_in_the_stage_leaves_the_phrases_analysis(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*, reports: object, answers: object) -> object:
        raise MemoryError

    monkeypatch.setattr(operations, "read_meanings", fails)
    subject = report(emergency=True)
    operations.analyse_batch(actor=SYSTEM, reports=[subject], now=NOW)
    assert queries.get_analyses(actor=SYSTEM, report_ids=[subject.report_id])
    assert waiting() == [(subject.report_id, 0)]
