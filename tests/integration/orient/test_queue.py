"""The queue, claims, decisions and alarms on a real PostgreSQL."""

from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import connection
from msgspec import structs

from fanal.accounts.domain.policy import Refused
from fanal.analyse.domain.records import Because, PriorityPart
from fanal.kernel.actors import Actor, Role, system_actor
from fanal.kernel.refusal import Refusal
from fanal.kernel.states import TransitionRefused
from fanal.orient import queries
from fanal.orient.alarms.operations.alarms import acknowledge_alarm, escalate_alarms, raise_alarm
from fanal.orient.alarms.queries import alarms_of, waiting_alarms
from fanal.orient.domain.records import Choice, OrientItem, QueueFilter, QueueView, Track
from fanal.orient.domain.states import CaseState
from fanal.orient.operations import decisions as deciding
from fanal.orient.operations.batch import orient_batch
from fanal.orient.queue import operations as claims
from fanal.orient.queue.queries import count_views, list_queue
from tests.actors import desk_actor
from tests.integration.orient.people import WORKER, person
from tests.refusals import KEPT, LOCK_AWAY, NO_RIGHT, database_refuses
from tests.unit.orient.items import MATERIAL, NOW, Channel, ReportKind, item

ANALYST = person(Role.ANALYST)
EVERYTHING = QueueFilter()
JUDICIAL = Choice(tracks=(Track.JUDICIAL,), bases=("CP 227-23",), reason="read and understood")


def put(*items: OrientItem) -> list[UUID]:
    orient_batch(actor=WORKER, items=items, now=NOW)
    return [each.report.report_id for each in items]


def queue(actor: Actor = ANALYST, view: QueueView = QueueView.OPEN, **filters: str) -> list[UUID]:
    page = list_queue(actor=actor, view=view, filters=QueueFilter(**filters), now=NOW)
    return [case.report_id for case in page.cases]


def test_order_is_score_then_age_and_pages_meet() -> None:
    earlier = NOW - timedelta(hours=1)
    ids = put(
        item(score=10), item(score=95, level="DANGER"), item(score=50), item(score=50, at=earlier)
    )
    assert queue() == [ids[1], ids[3], ids[2], ids[0]]
    seen, after = [], None
    while True:
        page = list_queue(
            actor=ANALYST, view=QueueView.OPEN, filters=EVERYTHING, now=NOW, after=after, limit=1
        )
        seen += [case.report_id for case in page.cases]
        after = page.following
        if after is None:
            break
    assert seen == queue()


def test_row_says_what_the_queue_shows() -> None:
    (report_id,) = put(
        item(score=70, level="HIGH", links=3, channel=Channel.GAME, platform="P" * 300)
    )
    case = queries.get_case(actor=ANALYST, report_id=report_id)
    assert case is not None
    assert (case.score, case.level, case.links, case.channel) == (70, "HIGH", 3, "GAME")
    assert (case.reason, case.reason_parameters) == ("BASE", {"n": 1})
    assert case.platform == "P" * 80
    assert (case.due_stage, case.due_at) == ("TAKE", NOW + timedelta(hours=1))
    assert case.floor is None


def test_the_clock_to_take_runs_until_the_first_taking_then_the_one_to_decide() -> None:
    (report_id,) = put(item(score=70, level="HIGH"))

    def clock() -> tuple[str, timedelta]:
        case = queries.get_case(actor=ANALYST, report_id=report_id)
        assert case is not None
        return case.due_stage, case.due_at - NOW

    assert clock() == ("TAKE", timedelta(hours=1))
    assert queue(view=QueueView.LATE) == []
    put(item(score=96, level="DANGER", report_id=report_id))
    assert clock() == ("TAKE", timedelta(minutes=2))
    later = NOW + timedelta(minutes=5)
    page = list_queue(actor=ANALYST, view=QueueView.LATE, filters=EVERYTHING, now=later)
    assert [case.report_id for case in page.cases] == [report_id]
    claim = claims.claim_case(actor=ANALYST, report_id=report_id, now=later)
    assert clock() == ("DECIDE", timedelta(minutes=30))
    claims.release_case(actor=ANALYST, report_id=report_id, claim_token=claim.token, now=later)
    assert clock() == ("DECIDE", timedelta(minutes=30))
    put(item(score=70, level="HIGH", report_id=report_id))
    assert clock() == ("DECIDE", timedelta(hours=24))


def test_filters_and_counts() -> None:
    put(item(ReportKind.GROOMING), item(channel=Channel.WEB), item(level="DANGER", score=99))
    assert len(queue(kind="GROOMING")) == 1
    assert len(queue(channel="WEB")) == 1
    assert len(queue(level="DANGER")) == 1
    counts = count_views(actor=ANALYST, now=NOW + timedelta(hours=1))
    assert counts.views[QueueView.OPEN] == 3
    assert counts.views[QueueView.DANGER] == 1
    assert counts.views[QueueView.LATE] == 1
    assert counts.kinds["GROOMING"] == 1
    assert count_views(actor=ANALYST, now=NOW, cap=2).views[QueueView.OPEN] == 2


def test_another_desk_sees_nothing() -> None:
    (report_id,) = put(item())
    other = person(Role.ANALYST, desk=2)
    assert queue(other) == []
    assert count_views(actor=other, now=NOW).views[QueueView.OPEN] == 0
    assert queries.get_case(actor=other, report_id=report_id) is None
    assert queries.get_proposals(actor=other, report_ids=[report_id]) == {}
    assert queries.decisions_of(actor=other, report_ids=[report_id]) == {}
    with pytest.raises(Refused):
        claims.claim_case(actor=other, report_id=report_id, now=NOW)
    two = desk_actor(person_id=uuid4(), roles={Role.ANALYST}, desks={1, 2})
    assert queue(two) == [report_id]


def test_replay_adds_a_revision_and_keeps_the_state() -> None:
    subject = item(score=20)
    (report_id,) = put(subject)
    claims.claim_case(actor=ANALYST, report_id=report_id, now=NOW)
    put(item(score=80, report_id=report_id))
    case = queries.get_case(actor=ANALYST, report_id=report_id)
    assert case is not None
    assert (case.score, case.state, case.proposal_revision) == (80, CaseState.CLAIMED, 2)
    assert [p.revision for p in queries.proposals_of(actor=ANALYST, report_id=report_id)] == [1, 2]
    latest = queries.get_proposals(actor=ANALYST, report_ids=[report_id])[report_id]
    assert latest.revision == 2
    assert latest.proposal.report_id == report_id


def test_only_the_worker_orients() -> None:
    with pytest.raises(Refused):
        orient_batch(actor=ANALYST, items=[item()], now=NOW)
    assert orient_batch(actor=WORKER, items=[], now=NOW) == []


def test_claim_is_exclusive_renewable_and_fenced() -> None:
    (report_id,) = put(item())
    other = person(Role.ANALYST)
    claim = claims.claim_case(actor=ANALYST, report_id=report_id, now=NOW)
    again = claims.claim_case(actor=ANALYST, report_id=report_id, now=NOW)
    assert again.token == claim.token
    with pytest.raises(claims.CaseTaken) as taken:
        claims.claim_case(actor=other, report_id=report_id, now=NOW)
    assert taken.value.holder == ANALYST.person_id
    late = NOW + claims.LEASE
    theirs = claims.claim_case(actor=other, report_id=report_id, now=late)
    assert theirs.token == claim.token + 1
    renewed = claims.renew_claim(
        actor=ANALYST, report_id=report_id, claim_token=claim.token, now=late
    )
    assert renewed is None
    with pytest.raises(Refusal, match="CASE_NOT_HELD"):
        deciding.decide(
            actor=ANALYST, report_id=report_id, choice=JUDICIAL, claim_token=claim.token, now=late
        )
    assert not claims.release_case(
        actor=ANALYST, report_id=report_id, claim_token=claim.token, now=late
    )
    assert claims.release_case(actor=other, report_id=report_id, claim_token=theirs.token, now=late)
    assert queue(view=QueueView.MINE) == []


def test_unknown_case() -> None:
    with pytest.raises(claims.CaseUnknown):
        claims.claim_case(actor=ANALYST, report_id=uuid4(), now=NOW)


def test_lapsed_lease_decides_nothing() -> None:
    (report_id,) = put(item())
    claim = claims.claim_case(actor=ANALYST, report_id=report_id, now=NOW)
    with pytest.raises(Refusal, match="CASE_NOT_HELD"):
        deciding.decide(
            actor=ANALYST,
            report_id=report_id,
            choice=JUDICIAL,
            claim_token=claim.token,
            now=NOW + claims.LEASE,
        )


def decided(choice: Choice = JUDICIAL) -> UUID:
    (report_id,) = put(item(**MATERIAL))
    claim = claims.claim_case(actor=ANALYST, report_id=report_id, now=NOW)
    deciding.decide(
        actor=ANALYST, report_id=report_id, choice=choice, claim_token=claim.token, now=NOW
    )
    return report_id


def test_decision_and_its_successor() -> None:
    report_id = decided()
    (first,) = queries.decisions_of(actor=ANALYST, report_ids=[report_id])[report_id]
    assert first.reason == JUDICIAL.reason
    assert [basis.entry_id for basis in first.bases] == ["FR_CP_227_23@2021-04-23"]
    deciding.reopen_case(actor=ANALYST, report_id=report_id, now=NOW)
    claim = claims.claim_case(actor=ANALYST, report_id=report_id, now=NOW)
    none = Choice(tracks=(Track.NONE,), bases=(), reason="a mistake")
    deciding.decide(
        actor=ANALYST, report_id=report_id, choice=none, claim_token=claim.token, now=NOW
    )
    decisions = queries.decisions_of(actor=ANALYST, report_ids=[report_id])[report_id]
    assert decisions[1].supersedes == first.id
    deciding.close_case(actor=ANALYST, report_id=report_id, now=NOW)
    with pytest.raises(TransitionRefused):
        deciding.reopen_case(actor=ANALYST, report_id=report_id, now=NOW)


def test_measures_wait_for_a_second_person() -> None:
    report_id = decided(Choice(tracks=(Track.MEASURES,), bases=("CP 227-23",), reason="seen"))
    assert queue(view=QueueView.TO_SECOND) == [report_id]
    deciding.settle_case(actor=ANALYST, report_id=report_id, now=NOW)
    assert queue(view=QueueView.DECIDED) == [report_id]
    deciding.settle_case(actor=ANALYST, report_id=report_id, now=NOW)


def test_refused_decision_leaves_the_case_claimed() -> None:
    (report_id,) = put(item())
    claim = claims.claim_case(actor=ANALYST, report_id=report_id, now=NOW)
    wrong = Choice(tracks=(Track.MEASURES,), bases=("CP 227-22-1",), reason="seen")
    with pytest.raises(Refusal, match="MEASURES_CLOSED"):
        deciding.decide(
            actor=ANALYST, report_id=report_id, choice=wrong, claim_token=claim.token, now=NOW
        )
    assert queue(view=QueueView.MINE) == [report_id]
    assert queries.decisions_of(actor=ANALYST, report_ids=[report_id]) == {}


@pytest.mark.parametrize("role", [Role.MEASURES_OFFICER, Role.JUDICIAL_OFFICER])
def test_officers_claim_and_do_not_decide(role: Role) -> None:
    (report_id,) = put(item())
    actor = person(role)
    claim = claims.claim_case(actor=actor, report_id=report_id, now=NOW)
    with pytest.raises(Refused):
        deciding.decide(
            actor=actor, report_id=report_id, choice=JUDICIAL, claim_token=claim.token, now=NOW
        )


@pytest.mark.parametrize("role", [Role.OVERSEER, Role.ADMINISTRATOR, Role.STATISTICIAN])
def test_others_do_not_even_claim(role: Role) -> None:
    (report_id,) = put(item())
    with pytest.raises(Refused):
        claims.claim_case(actor=person(role), report_id=report_id, now=NOW)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE orient_decision SET tracks = ARRAY['NONE']",
        "DELETE FROM orient_decision",
        "TRUNCATE orient_decision CASCADE",
        "UPDATE orient_reason SET words = 'other'",
    ],
)
def test_a_decision_is_never_edited(statement: str) -> None:
    decided()
    with database_refuses(NO_RIGHT, KEPT), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.role("worker")
def test_an_expired_reason_leaves_the_decision() -> None:
    report_id = decided()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM orient_reason")
    (decision,) = queries.decisions_of(actor=ANALYST, report_ids=[report_id])[report_id]
    assert decision.reason == ""
    assert len(decision.digest) == 32


def test_withdrawn_before_a_decision_only() -> None:
    (open_id,) = put(item())
    done_id = decided()
    sender, other = (
        Actor(person_id=uuid4(), roles=frozenset({Role.PARTNER}), partner_id=partner_id)
        for partner_id in (item().sender_id, uuid4())
    )
    assert not claims.withdraw_case(actor=other, report_id=open_id, now=NOW)
    assert claims.withdraw_case(actor=sender, report_id=open_id, now=NOW)
    assert not claims.withdraw_case(actor=sender, report_id=done_id, now=NOW)
    assert not claims.withdraw_case(actor=sender, report_id=uuid4(), now=NOW)
    assert open_id not in queue()


@pytest.mark.parametrize("state", [CaseState.EXPIRED, CaseState.WITHDRAWN])
def test_the_desk_ends_no_case_by_hand(state: CaseState) -> None:
    """Expiry is the worker's; a sender withdraws by the function that asks for its name."""
    put(item())
    with database_refuses(NO_RIGHT, "makes no case"), connection.cursor() as cursor:
        cursor.execute("UPDATE orient_case SET state = %s", [state])


def test_a_declared_danger_calls_whichever_rule_gives_the_priority_its_name() -> None:
    """A supervisor may lift another floor over that of a child in danger: nobody is called less for it."""
    named_otherwise = item(score=99, level="DANGER", floor="SELF_HARM_RISK", emergency=True)
    (report_id, _) = put(
        named_otherwise, item(score=99, level="DANGER", floor="SELF_HARM_RISK", emergency=False)
    )
    assert [w.alarm.report_id for w in waiting_alarms(actor=ANALYST).alarms] == [report_id]


def test_a_case_tells_the_rule_that_set_its_floor_not_the_first() -> None:
    words = ["Beaucoup de liens : à voir", "Many links"]
    lifted = item(score=80, level="HIGH", floor="DESK_LINKS")
    own = PriorityPart(
        code="DESK_LINKS",
        points=0,
        because=Because(code="OWN_RULE_VALUE", parameters={"words": words, "value": 3}),
    )
    parts = (*lifted.priority.parts, own)
    lifted = structs.replace(lifted, priority=structs.replace(lifted.priority, parts=parts))
    shipped, plain = item(score=85, level="HIGH", floor="SELF_HARM_RISK"), item()
    ids = put(lifted, shipped, plain)
    found = queries.get_cases(actor=ANALYST, report_ids=ids)
    cases = [found[report_id] for report_id in ids]
    assert [case.reason for case in cases] == ["OWN_RULE_VALUE", "BASE", "BASE"]
    assert [case.floor_name("fr") for case in cases] == [
        "Beaucoup de liens\u00a0: à voir",
        "Risque suicidaire ou d’automutilation",
        "",
    ]
    assert cases[0].floor_name("en") == "Many links"


def test_alarm_once_acknowledged_once_escalated_when_late() -> None:
    danger = item(score=99, level="DANGER", floor="CHILD_IN_DANGER")
    exercise = item(score=99, level="DANGER", floor="CHILD_IN_DANGER", is_test=True)
    (report_id, _) = put(danger, exercise)
    assert not raise_alarm(actor=WORKER, report_id=report_id, desk_id=1, now=NOW)
    (waiting,) = waiting_alarms(actor=ANALYST).alarms
    alarm = waiting.alarm
    assert alarm.report_id == report_id
    just_before = NOW + timedelta(seconds=119)
    assert escalate_alarms(actor=WORKER, now=just_before) == []
    late = NOW + timedelta(minutes=2)
    (escalated,) = escalate_alarms(actor=WORKER, now=late)
    assert escalated.escalated_at == late
    assert escalate_alarms(actor=WORKER, now=late) == []
    with pytest.raises(Refused):
        acknowledge_alarm(actor=person(Role.ANALYST, desk=2), alarm_id=alarm.id, now=late)
    assert acknowledge_alarm(actor=ANALYST, alarm_id=alarm.id, now=late)
    assert not acknowledge_alarm(actor=person(Role.ANALYST), alarm_id=alarm.id, now=late)
    (kept,) = alarms_of(actor=ANALYST, report_id=report_id)
    assert kept.acknowledged_by == ANALYST.person_id
    assert waiting_alarms(actor=ANALYST).alarms == ()


def test_every_act_is_in_the_ledger() -> None:
    report_id = decided()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.action FROM ledger_entry e JOIN ledger_object o ON o.entry_id = e.id"
            " WHERE o.object_id = %s ORDER BY e.db_at",
            [report_id],
        )
        actions = [row[0] for row in cursor.fetchall()]
    assert actions == ["report.orient", "case.claim", "decision.take"]


@pytest.mark.django_db(transaction=True)
def test_two_analysts_at_once_one_wins(as_role: object) -> None:
    """Both transactions are open; the second waits for the first and then finds the case taken."""
    (report_id,) = put(item())
    first: psycopg.Connection = as_role("owner")  # of whom no entry is asked
    first.autocommit = False
    first.execute(
        "UPDATE orient_case SET state = 'CLAIMED', claimed_by = %s, lease_until = %s,"
        " claim_token = claim_token + 1 WHERE report_id = %s",
        [uuid4(), NOW + claims.LEASE, report_id],
    )
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '200ms'")
    with database_refuses(LOCK_AWAY):
        claims.claim_case(actor=ANALYST, report_id=report_id, now=NOW)
    with connection.cursor() as cursor:
        cursor.execute("RESET lock_timeout")
    first.commit()
    with pytest.raises(claims.CaseTaken):
        claims.claim_case(actor=ANALYST, report_id=report_id, now=NOW)


def test_system_reads_every_desk() -> None:
    ids = put(item(desk_id=1), item(desk_id=2))
    assert set(queue(system_actor("list"))) == set(ids)


@pytest.mark.role("worker")
def test_the_worker_role_orients_and_raises_alarms() -> None:
    (report_id,) = put(item(score=99, level="DANGER", floor="CHILD_IN_DANGER", **MATERIAL))
    (waiting,) = waiting_alarms(actor=WORKER).alarms
    alarm = waiting.alarm
    assert alarm.report_id == report_id
    assert len(escalate_alarms(actor=WORKER, now=NOW + timedelta(minutes=3))) == 1
