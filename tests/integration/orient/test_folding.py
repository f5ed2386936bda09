"""Folding on a real PostgreSQL: as the rule says whatever the order, and nothing is hidden for nobody."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import pytest
from django.db import connection

from fanal.kernel.actors import Role
from fanal.kernel.refusal import Refusal
from fanal.orient import queries
from fanal.orient.domain.records import Choice, OrientItem, QueueFilter, QueueView, Track
from fanal.orient.domain.states import CaseState
from fanal.orient.folding.domain import fold, load_rules, root_of, standing_of
from fanal.orient.folding.operations.folding import fold_freed
from fanal.orient.folding.operations.unfolding import NotFolded, claim_folded, unfold
from fanal.orient.folding.queries import list_folded
from fanal.orient.operations import decisions as deciding
from fanal.orient.operations.batch import erase, orient_batch
from fanal.orient.queue.operations import CaseTaken, claim_case, withdraw_case
from fanal.orient.queue.queries import list_queue
from tests.integration.orient.people import WORKER, person
from tests.unit.orient.items import NOW
from tests.unit.orient.sameness import MONDAY, mixed, picture, report

ANALYST = person(Role.ANALYST)
NOTHING = Choice(tracks=(Track.NONE,), bases=(), reason="nothing to do")


def put(*items: OrientItem) -> list[UUID]:
    orient_batch(actor=WORKER, items=items, now=NOW)
    return [each.report.report_id for each in items]


def queue() -> list[UUID]:
    page = list_queue(actor=ANALYST, view=QueueView.OPEN, filters=QueueFilter(), now=NOW, limit=500)
    return [case.report_id for case in page.cases]


def case(report_id: UUID):
    found = queries.get_case(actor=ANALYST, report_id=report_id)
    assert found is not None
    return found


def several(count: int, *, who: str = "one", minutes: int = 0) -> list[OrientItem]:
    return [
        report(picture("A"), who=who, at=MONDAY + timedelta(minutes=minutes + n))
        for n in range(count)
    ]


def take(report_id: UUID) -> int:
    return claim_case(actor=ANALYST, report_id=report_id, now=NOW).token


def decide(report_id: UUID, token: int) -> None:
    deciding.decide(actor=ANALYST, report_id=report_id, choice=NOTHING, claim_token=token, now=NOW)


def assert_as_the_rule_says(items: Sequence[OrientItem]) -> None:
    rules = load_rules()
    folded = fold([s for each in items if (s := standing_of(each, rules))], rules)
    with connection.cursor() as cursor:
        cursor.execute("SELECT report_id, state, head_id, folded, rank, own FROM orient_case")
        rows = {row[0]: row[1:] for row in cursor.fetchall()}
    for each in items:
        report_id = each.report.report_id
        root = root_of(report_id, folded)
        state, head, count, rank, _own = rows[report_id]
        assert (state, head) == (("FOLDED", root) if root != report_id else ("TO_ASSESS", None))
        members = [i for i in folded if root_of(i, folded) == report_id]
        assert count == (len(members) if root == report_id else 0)
        if root == report_id:
            scores = {i.report.report_id: i.priority.score for i in items}
            assert rank == 100 - max(scores[i] for i in (report_id, *members))


@pytest.mark.parametrize("seed", range(4))
def test_any_order_in_any_batches_gives_what_the_rule_gives(seed: int) -> None:
    luck = Random(seed)
    items = [each for each in mixed(luck, 90) if not each.report.emergency]
    luck.shuffle(items)
    rest = list(items)
    while rest:
        size = luck.randrange(1, 20)
        batch, rest = rest[:size], rest[size:]
        put(*batch)
    assert_as_the_rule_says(items)
    assert set(queue()) == {
        i.report.report_id for i in items if case(i.report.report_id).head_id is None
    }


def test_one_row_says_the_highest_priority_and_the_nearest_clock() -> None:
    first = report(picture("A"), who="one", score=20, level="LOW", at=NOW - timedelta(hours=2))
    second = report(picture("A"), who="one", score=80, level="HIGH", at=NOW - timedelta(hours=1))
    (head,) = put(first)
    (other,) = put(second)
    assert queue() == [head]
    shown = case(head)
    assert (shown.score, shown.level, shown.folded) == (80, "HIGH", 1)
    assert shown.due_at == case(other).due_at
    assert [c.report_id for c in list_folded(actor=ANALYST, head_id=head)[0]] == [other]
    unfold(actor=ANALYST, report_id=other, reason="another person", now=NOW)
    assert queue() == [other, head]
    assert (case(head).score, case(head).level, case(head).folded) == (20, "LOW", 0)


def test_a_person_unfolds_with_a_reason_and_nothing_folds_it_again() -> None:
    ids = put(*several(3))
    with pytest.raises(Refusal, match="NO_REASON"):
        unfold(actor=ANALYST, report_id=ids[1], reason=" ", now=NOW)
    unfold(actor=ANALYST, report_id=ids[1], reason="not the same", now=NOW)
    with pytest.raises(NotFolded):
        unfold(actor=ANALYST, report_id=ids[1], reason="again", now=NOW)
    (late,) = put(*several(1, minutes=60))
    assert set(queue()) == {ids[0], ids[1]}
    assert case(late).head_id == ids[0]
    with connection.cursor() as cursor:
        cursor.execute("SELECT report_id, head_id FROM orient_unfolding")
        assert cursor.fetchall() == [(ids[1], ids[0])]


def test_a_decision_lets_go_what_it_was_not_applied_to() -> None:
    ids = put(*several(5))
    token = take(ids[0])
    claims = claim_folded(actor=ANALYST, head_id=ids[0], report_ids=ids[1:3], now=NOW)
    for claim in claims:
        decide(claim.report_id, claim.token)
    decide(ids[0], token)
    assert {i: case(i).state for i in ids[:3]} == dict.fromkeys(ids[:3], CaseState.DECIDED)
    assert set(queue()) <= set(ids[3:])
    assert len(queue()) == 1
    assert [case(i).folded for i in (ids[0], queue()[0])] == [0, 1], "a decided head holds nobody"
    decisions = queries.decisions_of(actor=ANALYST, report_ids=ids[:3])
    assert all(len(decisions[i]) == 1 for i in ids[:3])
    (late,) = put(*several(1, minutes=90))
    assert case(late).head_id == queue()[0]


def test_a_head_that_its_sender_takes_back_hides_nobody() -> None:
    ids = put(*several(3))
    withdraw_case(actor=WORKER, report_id=ids[0], now=NOW)
    assert set(queue()) == set(ids[1:])
    (late,) = put(*several(1, minutes=5))
    assert len(queue()) == 1
    assert case(late).head_id == ids[1]
    assert case(ids[2]).head_id == ids[1]


def test_what_a_retracted_head_let_go_is_one_job_again() -> None:
    ids = put(*several(6))
    withdraw_case(actor=WORKER, report_id=ids[0], now=NOW)
    assert set(queue()) == set(ids[1:])
    assert case(ids[0]).folded == 0
    taken = take(ids[3])
    later = max(NOW, datetime.now(UTC)) + timedelta(seconds=1)  # past the hour of the database
    assert fold_freed(actor=WORKER, now=later, most=3) == 3
    assert fold_freed(actor=WORKER, now=later) == 2
    assert fold_freed(actor=WORKER, now=later) == 0
    assert queue() == [ids[3]], "whoever somebody took stays shown"
    assert (case(ids[3]).state, case(ids[3]).folded) == (CaseState.CLAIMED, 4)
    decide(ids[3], taken)
    assert len(queue()) == 1
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT ON (report_id) verdict FROM orient_feedback WHERE report_id = ANY (%s)"
            " ORDER BY report_id, id DESC",
            [[ids[1], ids[5]]],
        )
        assert cursor.fetchall() == [("DUPLICATE",)] * 2, "its provider is told so again"


def test_a_folded_report_can_be_taken_back_and_its_head_counts_again() -> None:
    ids = put(*several(3))
    withdraw_case(actor=WORKER, report_id=ids[2], now=NOW)
    assert case(ids[2]).state is CaseState.WITHDRAWN
    assert case(ids[0]).folded == 1


@pytest.mark.role("worker")
def test_an_erased_head_hides_nobody_and_waits_no_more() -> None:
    ids = put(*several(4))
    erase(actor=WORKER, report_ids=ids[:1])
    assert queue() == [ids[1]]
    assert (case(ids[0]).state, case(ids[1]).folded) == (CaseState.EXPIRED, 2)
    erase(actor=WORKER, report_ids=ids[3:])
    assert (case(ids[3]).state, case(ids[1]).folded) == (CaseState.EXPIRED, 1)
    (late,) = put(*several(1, minutes=90))
    assert case(late).head_id == ids[1]
    erase(actor=WORKER, report_ids=[*ids[1:3], late])
    assert queue() == []


def test_what_turns_out_to_be_urgent_comes_out() -> None:
    first, second = several(2)
    head, hidden = put(first, second)
    assert case(hidden).state is CaseState.FOLDED
    urgent = report(
        picture("A"), who="one", report_id=hidden, score=85, floor="SELF_HARM_RISK", level="HIGH"
    )
    put(urgent)
    assert queue() == [hidden, head]
    put(urgent)
    assert queue() == [hidden, head]


def test_a_folded_case_cannot_be_taken_alone() -> None:
    _head, hidden = put(*several(2))
    with pytest.raises(CaseTaken):
        claim_case(actor=ANALYST, report_id=hidden, now=NOW)


def test_the_folding_of_others_waits_for_no_key_of_another_desk() -> None:
    far = report(picture("A"), who="one", desk_id=2, at=MONDAY + timedelta(minutes=1))
    ids = put(*several(1), far)
    assert case(ids[0]).folded == 0
