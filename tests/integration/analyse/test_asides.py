"""An entry that suddenly matches very many reports: real batches through the pipeline, a release, a withdrawal."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection
from msgspec import structs

from fanal import pipeline
from fanal.accounts.domain.policy import Refused
from fanal.analyse.domain.records import Analysis
from fanal.analyse.material.operations import asides
from fanal.analyse.material.operations.lists import load_list
from fanal.analyse.material.queries.entries import get_items
from fanal.analyse.material.queries.lists import list_asides, match_rates
from fanal.formats.report.records import File, ReportKind
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.kernel.actors import Actor, Role, system_actor
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.pipeline import Batch
from fanal.reference.records import MaterialRule

pytestmark = [pytest.mark.django_db, pytest.mark.role("worker")]
SYSTEM = system_actor("test")
NOW = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)
VIRAL, OTHER = "0" * 63 + "1", "f" * 64


@pytest.fixture(autouse=True)
def keys(installed_keys: None) -> None:
    return


@pytest.fixture(autouse=True)
def rule(monkeypatch: pytest.MonkeyPatch) -> MaterialRule:
    """The rule in force with fewer matches, so that a test has few reports."""
    shipped = asides.current_rule(NOW)
    few = structs.replace(shipped, value=structs.replace(shipped.value, matches=30))
    for place in ("material.operations.asides", "operations"):
        monkeypatch.setattr(f"fanal.analyse.{place}.current_rule", lambda now: few)
    return few


@pytest.fixture
def items() -> Sequence[UUID]:
    lines = ["pdq,classification", f"{VIRAL},A1", f"{OTHER},A1"]
    return load_list(actor=SYSTEM, name="alpha", lines=lines, now=NOW)


def reports(count: int, *hashes: str) -> list[HarmonisedReport]:
    return [
        HarmonisedReport(
            report_id=new_id(NOW),
            reference=f"r{n}",
            kind=ReportKind.OTHER,
            files=tuple(File(pdq=text) for text in hashes),
        )
        for n in range(count)
    ]


def through(batch: Sequence[HarmonisedReport], *, at: datetime = NOW) -> list[Analysis]:
    """Run the pipeline's own step on reports that were harmonised already."""
    held = Batch(
        actor=SYSTEM,
        now=at,
        report_ids=[r.report_id for r in batch],
        reports={r.report_id: r for r in batch},
    )
    pipeline.run_analyse(held)
    return [held.analyses[r.report_id] for r in batch]


def codes(analyses: Sequence[Analysis]) -> set[str]:
    return {f.code for analysis in analyses for f in analysis.findings}


def entries(action: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM ledger_entry WHERE action = %s", [action])
        return int(cursor.fetchone()[0])


def jobs() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM procrastinate_jobs WHERE task_name = %s",
            [asides.ASIDE_NOTICE],
        )
        return int(cursor.fetchone()[0])


def test_it_is_set_aside_told_and_counts_for_nothing(items: Sequence[UUID]) -> None:
    assert codes(through(reports(29, VIRAL))) == {"KNOWN_HASH"}
    assert list_asides(ended=False, limit=9) == []
    assert codes(through(reports(3, VIRAL))) == {"KNOWN_HASH"}
    (record,) = list_asides(ended=False, limit=9)
    assert (record.item_id, record.aside.matched, record.aside.hours) == (items[0], 32, 24)
    assert (entries("list.set_aside"), jobs()) == (1, 1)
    (after,) = through(reports(1, VIRAL, OTHER))
    known, told = after.findings
    assert (known.code, known.source) == ("KNOWN_HASH", "files[1].pdq")
    assert (told.code, told.score, told.source) == ("KNOWN_SET_ASIDE", 0.0, "files[0].pdq")
    assert (told.because.parameters["matched"], told.because.parameters["hours"]) == (32, 24)
    through(reports(40, VIRAL))
    assert (len(list_asides(ended=False, limit=9)), jobs()) == (1, 1)
    hours = match_rates(item_ids=[items[0]], since=NOW - timedelta(days=1))[items[0]]
    assert [count for _, count in hours] == [73]


def test_a_replay_counts_nothing_twice(items: Sequence[UUID]) -> None:
    batch = reports(20, VIRAL, VIRAL)
    through(batch)
    through(batch)
    assert list_asides(ended=False, limit=9) == []


def test_slow_matches_and_a_small_share_are_not_sudden(items: Sequence[UUID]) -> None:
    for hour in range(0, 130, 13):
        through(reports(10, VIRAL), at=NOW + timedelta(hours=hour))
    assert list_asides(ended=False, limit=9) == []
    later = NOW + timedelta(days=30)
    through(reports(600), at=later)
    through(reports(31, VIRAL), at=later)
    assert list_asides(ended=False, limit=9) == []
    through(reports(3, VIRAL), at=later)
    assert len(list_asides(ended=False, limit=9)) == 1


def test_released_it_counts_again_and_rests(items: Sequence[UUID]) -> None:
    through(reports(30, VIRAL))
    assert codes(through(reports(1, VIRAL))) == {"KNOWN_SET_ASIDE"}
    supervisor = Actor(person_id=UUID(int=7), roles=frozenset({Role.SUPERVISOR}))
    asides.release_item(actor=supervisor, item_id=items[0], reason="Confirmed.", now=NOW)
    assert codes(through(reports(50, VIRAL))) == {"KNOWN_HASH"}
    assert list_asides(ended=False, limit=9) == []
    (ended,) = list_asides(ended=True, limit=9)
    assert (ended.outcome, ended.ended_by, ended.reason) == ("RELEASED", UUID(int=7), "Confirmed.")
    later = NOW + timedelta(days=8)
    through(reports(30, VIRAL), at=later)
    assert codes(through(reports(1, VIRAL), at=later)) == {"KNOWN_SET_ASIDE"}
    assert entries("list.release") == 1


def test_withdrawn_it_matches_nothing(items: Sequence[UUID]) -> None:
    through(reports(30, VIRAL))
    asides.withdraw_aside(actor=SYSTEM, item_id=items[0], reason="A blank page.", now=NOW)
    assert codes(through(reports(1, VIRAL))) == set()
    assert get_items(item_ids=[items[0]])[items[0]].withdrawn_at == NOW
    assert list_asides(ended=True, limit=1)[0].outcome == "WITHDRAWN"


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501, "a\0b"])
def test_an_end_has_its_reason_and_its_right(items: Sequence[UUID], reason: str) -> None:
    through(reports(30, VIRAL))
    with pytest.raises(Refusal):
        asides.release_item(actor=SYSTEM, item_id=items[0], reason=reason, now=NOW)
    with pytest.raises(Refusal):
        asides.release_item(actor=SYSTEM, item_id=items[1], reason="None aside.", now=NOW)
    analyst = Actor(person_id=UUID(int=8), roles=frozenset({Role.ANALYST}))
    for end in (asides.release_item, asides.withdraw_aside):
        with pytest.raises(Refused):
            end(actor=analyst, item_id=items[0], reason="Mine to say.", now=NOW)
    assert len(list_asides(ended=False, limit=9)) == 1


def test_old_counts_are_forgotten(items: Sequence[UUID]) -> None:
    through(reports(5, VIRAL))
    assert asides.forget_matches(actor=SYSTEM, now=NOW + timedelta(days=89)) == 0
    assert asides.forget_matches(actor=SYSTEM, now=NOW + timedelta(days=91)) == 2
