"""A report goes all the way: received by every door, carried through all stages, at its place in the queue."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fanal.formats.ncmec.synthesis import synthetic_reports
from fanal.formats.report.read import canonical_bytes, read_report
from fanal.intake.domain.records import Arrival, Format, Stage, Submission
from fanal.kernel.actors import Actor, Role, system_actor
from tests.actors import desk_actor

NOW = datetime.now(UTC).replace(microsecond=0)
SYSTEM = system_actor("test")
GROOMING = {
    "reference": "g-1",
    "kind": "GROOMING",
    "emergency": True,
    "occurred_at": "2026-11-20T21:14:00+01:00",
    "platform": "Blockharbor",
    "channel": "GAME",
    "urls": ["https://Example.test/a?utm_source=x#top"],
    "persons": [
        {"role": "SUSPECT", "handles": [{"platform": "Blockharbor", "value": "cube_77"}]},
        {"role": "VICTIM", "age": 12, "country": "FR"},
    ],
}
MATERIAL = {
    "reference": "m-1",
    "kind": "ABUSE_MATERIAL",
    "occurred_at": "2026-11-19",
    "urls": ["https://images.example.test/page"],
    "persons": [
        {"role": "SUSPECT", "handles": [{"platform": "Blockharbor", "value": "Cube_77"}]},
    ],
    "files": [{"sha256": "ab" * 32, "classification": {"scheme": "NCMEC", "code": "A1"}}],
}

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.role("worker")]


@pytest.fixture(autouse=True)
def keys(installed_keys: None) -> None:
    """The worker opens what was sealed."""


def _deposit(*reports: dict[str, object]) -> list:
    from fanal.intake.operations.receive import receive_reports

    submissions = []
    for report in reports:
        body = msgspec.json.encode(report)
        submissions.append(
            Submission(
                arrival=Arrival.API, format=Format.REPORT, body=body,
                canonical=canonical_bytes(read_report(body)), sender_id=uuid4(),
                reference=str(report["reference"]), urgent=bool(report.get("emergency")),
            )
        )  # fmt: skip
    answers = receive_reports(actor=SYSTEM, submissions=submissions, now=NOW)
    return [answer.report_id for answer in answers]


def _work() -> None:
    from fanal.kernel import clock
    from fanal.worker.stages import StageLoop

    loop = StageLoop(actor=SYSTEM, clock=clock.now)
    while loop.run_once():
        pass


def _printed(view: object) -> dict[str, Any]:
    """Return a view as whoever reads the command's output has it."""
    read: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(view))
    return read


def _statements(ids: Sequence[UUID]) -> int:
    from fanal.cli.report_view import views

    with CaptureQueriesContext(connection) as captured:
        assert len(list(views(actor=SYSTEM, report_ids=ids, short=True))) == len(ids)
    return len(captured)


def test_a_list_of_reports_asks_as_often_for_many_as_for_few() -> None:
    many = [GROOMING | {"reference": f"g-{n}"} for n in range(12)]
    ids = _deposit(*many)
    _work()
    assert _statements(ids) == _statements(ids[:2])
    views = map(_printed, _views(ids))
    assert all(len(view["links"]) == len(ids) - 1 for view in views)


def _views(ids: Sequence[UUID]) -> Iterator[object]:
    from fanal.cli.report_view import views

    yield from views(actor=SYSTEM, report_ids=ids, short=True)


def test_reports_received_are_those_by_kind_and_those_that_wait() -> None:
    """The two figures stand on one page; what a person sees counts in both, whatever its sender did."""
    from fanal.intake.operations.lifecycle import retract_report
    from fanal.intake.operations.receive import receive_reports
    from fanal.intake.queries.work import count_received, count_work
    from fanal.orient import queries as oriented

    partner = Actor(person_id=uuid4(), roles=frozenset({Role.PARTNER}), partner_id=uuid4())
    sent = [
        Submission(
            arrival=Arrival.API, format=Format.REPORT, body=body,
            canonical=canonical_bytes(read_report(body)), sender_id=partner.partner_id,
            reference=name, urgent=name == "urgent",
        )
        for name in ("stays", "taken-back", "urgent")
        for body in [msgspec.json.encode(MATERIAL | {"reference": name})]
    ]  # fmt: skip
    answers = receive_reports(actor=partner, submissions=sent, now=NOW)
    for answer in answers[1:]:
        retract_report(actor=partner, report_id=answer.report_id, now=NOW)
    _work()
    _deposit(GROOMING)  # waits
    span = {"since": NOW - timedelta(days=1), "until": NOW + timedelta(days=1)}
    received = sum(n for *_codes, n in count_received(actor=SYSTEM, **span))
    by_kind = sum(n for *_codes, n in oriented.count_cases(actor=SYSTEM, **span))
    assert (received, by_kind, sum(count_work().values())) == (3, 2, 1)


def test_takes_every_format_to_the_queue() -> None:
    from fanal.cli.report_view import views
    from fanal.intake.operations.receive import receive_reports
    from fanal.intake.queries.work import count_work
    from fanal.orient.alarms.queries import waiting_alarms
    from fanal.orient.domain.records import QueueFilter, QueueView
    from fanal.orient.queue.queries import list_queue

    ids = _deposit(GROOMING, MATERIAL)
    xml = [
        Submission(
            arrival=Arrival.IMPORT, format=Format.NCMEC_XML, body=body, canonical=body,
            sender_id=uuid4(), reference=f"x-{n}", details=details,
        )
        for n, (body, details) in enumerate(synthetic_reports(seed=3, count=20))
    ]  # fmt: skip
    receive_reports(actor=SYSTEM, submissions=xml, now=NOW)
    _work()
    assert count_work() == {}

    first, second = map(_printed, views(actor=SYSTEM, report_ids=ids))
    assert (first["stage"], first["priority"]["floor"]) == ("DONE", "CHILD_IN_DANGER")
    assert first["priority"]["score"] >= 95
    assert first["harmonised"]["urls"][0]["reported"] == "https://Example.test/a?utm_source=x#top"
    assert first["harmonised"]["urls"][0]["canonical"] == "https://example.test/a?utm_source=x#top"
    assert {"HANDLE", "URL", "HOST"} <= {s["kind"] for s in first["selectors"]}
    assert "JUDICIAL" in first["proposal"]["tracks"]
    assert "MEASURES" not in first["proposal"]["tracks"]
    assert "MEASURES" in second["proposal"]["tracks"]
    assert any("227-23" in code for code in second["proposal"]["basis"])
    assert first["links"][0]["reference"] == "m-1"
    assert any(reason["kind"] == "HANDLE" for reason in first["links"][0]["reasons"])

    analyst = desk_actor(person_id=uuid4(), roles={Role.ANALYST}, desks={1}, motive="test")
    page = list_queue(actor=analyst, view=QueueView.OPEN, filters=QueueFilter(), now=NOW, limit=50)
    assert len(page.cases) == 22
    assert page.cases[0].report_id == ids[0]
    assert [w.alarm.report_id for w in waiting_alarms(actor=analyst).alarms] >= [ids[0]]


def test_a_report_that_cannot_be_read_sinks_nobody_else() -> None:
    from fanal.intake.operations.receive import receive_reports
    from fanal.intake.queries.work import count_work

    poison = Submission(
        arrival=Arrival.IMPORT, format=Format.NCMEC_XML, body=b"<report/>", canonical=b"p",
        sender_id=uuid4(), reference="poison",
    )  # fmt: skip
    receive_reports(actor=SYSTEM, submissions=[poison], now=NOW)
    _deposit(GROOMING, MATERIAL)
    _work()
    assert sum(count_work().values()) == 1  # it waits for its next attempt


def test_a_replay_keeps_both_results() -> None:
    from fanal.analyse import queries as analysed
    from fanal.intake.operations.queue import replay_stage

    [report_id] = _deposit(GROOMING)
    _work()
    moved = replay_stage(actor=SYSTEM, stage=Stage.ANALYSE, report_ids=[report_id], now=NOW)
    _work()
    assert moved == 1
    assert len(analysed.list_analyses(actor=SYSTEM, report_id=report_id)) == 2
    assert len(analysed.list_priorities(actor=SYSTEM, report_id=report_id)) == 2


def test_who_is_in_danger_waits_for_one_step_and_no_retraction_holds_up_the_rest() -> None:
    from fanal.intake.operations.lifecycle import retract_report
    from fanal.intake.queries.envelopes import get_reports
    from fanal.intake.queries.work import count_work
    from fanal.kernel import clock
    from fanal.worker.stages import StageLoop

    def _waits(report_id: UUID) -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT FROM intake_work WHERE report_id = %s", [report_id])
            return bool(cursor.rowcount)

    others = _deposit(MATERIAL, MATERIAL | {"reference": "m-2"})
    arrived: list = []

    def between() -> bool:
        if not arrived:
            arrived.extend(_deposit(GROOMING))
            facts = get_reports(actor=SYSTEM, report_ids=others[:1])[others[0]]
            partner = Actor(
                person_id=uuid4(), roles=frozenset({Role.PARTNER}), partner_id=facts.sender_id
            )
            retract_report(actor=partner, report_id=others[0], now=NOW)
        elif len(arrived) == 1:
            arrived.append(not _waits(arrived[0]))
        return True

    loop = StageLoop(actor=SYSTEM, clock=clock.now, between=between)
    assert loop.run_once() == 2
    assert arrived[1] is True
    assert count_work() == {}


def test_an_urgent_report_that_no_stage_can_read_raises_its_alarm() -> None:
    from fanal.intake.operations.receive import receive_reports
    from fanal.orient.alarms.queries import alarms_of

    poison = Submission(
        arrival=Arrival.IMPORT, format=Format.NCMEC_XML, body=b"<report/>", canonical=b"p",
        sender_id=uuid4(), reference="poison", urgent=True,
    )  # fmt: skip
    [answer] = receive_reports(actor=SYSTEM, submissions=[poison], now=NOW)
    assert answer.report_id is not None
    _work()
    [alarm] = alarms_of(actor=SYSTEM, report_id=answer.report_id)
    assert alarm.call is not None


def test_exported_facts_give_the_priority_that_the_stages_gave() -> None:
    """What leaves for a re-triage decides as the report itself did, and names nobody."""
    from uuid import UUID

    from fanal.analyse import queries as analysed
    from fanal.analyse.priority.domain.facts import FACTS
    from fanal.analyse.priority.domain.scoring import priority_of
    from fanal.analyse.priority.queries import current_rules
    from fanal.kernel import clock
    from fanal.trials import facts_after

    ids = _deposit(GROOMING, MATERIAL, GROOMING | {"reference": "g-2", "emergency": False})
    _work()
    found, after = {}, UUID(int=0)
    while some := facts_after(actor=SYSTEM, after=after, limit=2, now=clock.now()):
        assert not found.keys() & {report_id for report_id, _ in some}
        found |= dict(some)
        after = some[-1][0]
    assert set(ids) <= set(found)
    stored = analysed.get_priorities(actor=SYSTEM, report_ids=ids)
    rules = current_rules()
    assert {i: priority_of(i, found[i], rules) for i in ids} == stored
    assert {name for facts in found.values() for name in facts} <= FACTS.keys()


def test_a_report_that_waits_rises_as_its_address_closes_and_falls_once_it_is_too_late() -> None:
    from datetime import timedelta
    from uuid import UUID

    from fanal.analyse import queries as analysed
    from fanal.analyse.priority.queries import ranked_at
    from fanal.kernel.calendar import add_months, end_of_day, paris_day
    from fanal.orient import queries as oriented
    from fanal.pipeline import rank_by_clock

    used = add_months(paris_day(NOW), -11) + timedelta(days=10)
    until = end_of_day(add_months(used, 12))
    person = {
        "role": "SUSPECT", "country": "FR", "emails": ["closing@mail.example"],
        "ips": [{"value": "192.0.2.9", "at": f"{used}T12:00:00Z"}],
    }  # fmt: skip
    plain = {"role": "SUSPECT", "emails": ["plain@mail.example"]}
    waits, other = _deposit(
        {"reference": "c-1", "kind": "GROOMING", "persons": [person]},
        {"reference": "c-2", "kind": "GROOMING", "persons": [plain]},
    )
    _work()

    def parts() -> set[str]:
        priorities = analysed.get_priorities(actor=SYSTEM, report_ids=[waits])
        return {part.code for part in priorities[waits].parts}

    def score() -> int:
        case = oriented.get_case(actor=SYSTEM, report_id=waits)
        assert case is not None
        return case.score

    def night(now: datetime) -> None:
        reached: UUID | None = UUID(int=0)
        while reached is not None:
            reached = rank_by_clock(after=reached, now=now)

    clocked = {"ADDRESS_CLOSING", "ADDRESS_TOO_LATE"}
    assert not clocked & parts(), "forty days are left"
    first, ranked = score(), ranked_at(report_ids=[waits, other])
    for hours in (1, 0):
        night(until - timedelta(days=31, hours=hours))
    assert ranked_at(report_ids=[waits, other]) == ranked, "nothing has changed"
    closing = until - timedelta(days=30, hours=23)
    for hours in (0, 1, 24):
        night(closing + timedelta(hours=hours))
        assert clocked & parts() == {"ADDRESS_CLOSING"}
        assert score() == first + 10
        assert ranked_at(report_ids=[waits])[waits] == closing, "ranked once"
    night(until + timedelta(minutes=1))
    assert clocked & parts() == {"ADDRESS_TOO_LATE"}
    assert score() == first - 4
    assert ranked_at(report_ids=[other])[other] == ranked[other]


_WHILE_READ = {
    "erased": "DELETE FROM analyse_unread WHERE report_id = %s",
    "marked": "UPDATE intake_report SET erased_at = now() WHERE id = %s",
    "queued again": "UPDATE analyse_unread SET attempts = 0, lease_token = NULL, lease_until = NULL"
    " WHERE report_id = %s",
}


@pytest.mark.parametrize("how", sorted(_WHILE_READ))
def test_a_text_that_changed_while_it_was_read_gets_no_findings(
    monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    from fanal import pipeline
    from fanal.analyse import queries
    from fanal.kernel import clock

    text = "Elle doit rejoindre demain à 15 h devant la piscine un adulte connu sur un jeu."
    ids = _deposit(*(MATERIAL | {"reference": r, "description": text} for r in ("a", "b")))
    _work()
    read, changed = pipeline.read_meanings, []

    def meanwhile(*, reports: Sequence[Any], answers: Any) -> object:
        if not changed:
            changed.append(reports[0].report_id)
            with connection.cursor() as cursor:
                cursor.execute(_WHILE_READ[how], changed)
        return read(reports=reports, answers=answers)

    def revisions(report_id: UUID) -> int:
        return len(queries.list_analyses(actor=SYSTEM, report_id=report_id))

    monkeypatch.setattr(pipeline, "read_meanings", meanwhile)
    again, count = how == "queued again", 0
    while pipeline.read_later(token=uuid4(), now=clock.now()):
        count += 1
    [other] = set(ids) - set(changed)
    assert count == 2 + again
    assert (revisions(other), revisions(changed[0])) == (2, 1 + again)
