"""Doubts about blockings: recorded by the operation that causes them, whoever takes it."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from fanal.casework import queries as casework
from fanal.casework.domain.records import Event
from fanal.casework.operations.deciding import record_decision
from fanal.casework.operations.doubts import reopen_report
from fanal.kernel.refusal import Refusal
from fanal.measures.blocking import views
from fanal.measures.blocking.register import entries_in_force
from fanal.measures.domain.oversight import RecommendationKind
from fanal.measures.operations import drafts, milestones
from fanal.measures.operations.oversight import recommend
from fanal.measures.removal.kind import REMOVAL
from fanal.orient.domain.records import Choice, Track
from fanal.orient.queue.operations import claim_case
from tests.integration.measures import raw
from tests.integration.measures.blockings import (
    COLLEAGUE,
    act_of,
    ago,
    approved,
    drafted,
    listed,
    received,
    take,
    view,
)
from tests.integration.measures.stories import ANALYST, OFFICER, OVERSEER
from tests.unit.orient.items import MATERIAL, item

NOTHING = Choice(tracks=(Track.NONE,), bases=(), reason="nothing to do")


def decide_again(blocking_id: UUID, now: datetime) -> None:
    """A newer decision on the report, after its reopening."""
    report_id = act_of(blocking_id).subject_id
    claim = claim_case(actor=ANALYST, report_id=report_id, now=now)
    record_decision(
        actor=ANALYST,
        report=item(report_id=report_id, **MATERIAL).report,
        choice=NOTHING,
        claim_token=claim.token,
        now=now,
    )


def cause_of(blocking_id: UUID) -> tuple[str, str]:
    """State and cause as the act has them."""
    act = act_of(blocking_id)
    return act.state, act.outcome


def test_a_reopened_report_puts_its_blockings_in_doubt() -> None:
    blocking_id, now = listed(2), datetime.now(UTC)
    reopen_report(actor=ANALYST, report_id=act_of(blocking_id).subject_id, now=now)
    assert cause_of(blocking_id) == ("DOUBTED", "REOPENED")
    found = view(blocking_id, now)
    assert (found.asked, found.lapsed) == ("OFFICER", False)
    with pytest.raises(Refusal, match="GROUND_GONE"):
        take(blocking_id, "keep", now, actor=COLLEAGUE)


def test_a_new_decision_withdraws_what_no_list_named() -> None:
    at = ago(1)
    blocking_id = approved(drafted(received(at), at), at)
    reopen_report(actor=ANALYST, report_id=act_of(blocking_id).subject_id, now=at)
    assert act_of(blocking_id).state == "APPROVED"
    decide_again(blocking_id, at)
    assert act_of(blocking_id).state == "WITHDRAWN"


def test_a_new_decision_leaves_a_listed_name_in_doubt_until_its_end() -> None:
    blocking_id, now = listed(2), datetime.now(UTC)
    reopen_report(actor=ANALYST, report_id=act_of(blocking_id).subject_id, now=now)
    decide_again(blocking_id, now)
    assert cause_of(blocking_id) == ("DOUBTED", "REOPENED")
    take(blocking_id, "lift", now, outcome="NEW_DECISION")


@pytest.mark.parametrize("kind", list(RecommendationKind))
def test_a_recommendation_to_end_the_request_is_the_overseers_own_doubt(
    kind: RecommendationKind,
) -> None:
    blocking_id, other = listed(2), listed(2, host="two.example")
    recommend(
        actor=OVERSEER,
        measure_id=view(blocking_id).removal_id,
        kind=kind,
        words="Not this page.",
        now=datetime.now(UTC),
    )
    ends = kind is RecommendationKind.END
    assert cause_of(blocking_id) == (("DOUBTED", "RECOMMENDED") if ends else ("LISTED", ""))
    assert act_of(other).state == "LISTED"


def test_a_ruling_that_annuls_the_request_lifts_its_blockings_at_once() -> None:
    blocking_id, other, doubted = (
        listed(2),
        listed(2, host="two.example"),
        listed(2, host="three.example"),
    )
    now = datetime.now(UTC)
    take(doubted, "doubt", now, outcome="APPEAL")
    for one in (blocking_id, doubted):
        event = Event(happened_at=now, proof="ruling no. 7")
        removal_id = view(one).removal_id
        milestones.annul_measure(actor=OFFICER, measure_id=removal_id, event=event, now=now)
        found = view(one, now)
        assert (found.act.state, found.outcome) == ("LIFTING", "ANNULLED")
        last = casework.steps_of(act_ids=[one])[one][-1]
        assert (last.transition, last.proof) == ("lift", "ruling no. 7")
    assert act_of(other).state == "LISTED"
    assert {str(one.name) for one in entries_in_force(now=now)} == {"two.example"}


@pytest.mark.parametrize("ending", ["execute", "suspend", "withdraw"])
def test_the_end_of_the_request_puts_what_rests_on_it_in_doubt(ending: str) -> None:
    blocking_id, now = listed(2), datetime.now(UTC)
    removal_id = view(blocking_id).removal_id
    if ending == "withdraw":
        drafts.withdraw_measure(actor=ANALYST, measure_id=removal_id, cause="read again", now=now)
    else:
        cause = "CLARIFICATION" if ending == "suspend" else ""
        event = Event(happened_at=now, proof="mail", reason=cause)
        milestones.record_step(
            actor=OFFICER, measure_id=removal_id, transition=ending, event=event, now=now
        )
    assert cause_of(blocking_id) == ("DOUBTED", "REMOVAL_ENDED")
    with pytest.raises(
        Refusal, match="REMOVAL_SUSPENDED" if ending == "suspend" else "GROUND_GONE|REMOVAL_ENDED"
    ):
        take(blocking_id, "keep", now, actor=COLLEAGUE)
    take(blocking_id, "lift", now, outcome="GONE")


def test_a_name_whose_request_goes_on_again_is_kept() -> None:
    blocking_id, now = listed(2), datetime.now(UTC)
    removal_id = view(blocking_id).removal_id
    for transition, cause in (("suspend", "CLARIFICATION"), ("resume", "")):
        event = Event(happened_at=now, proof="mail", reason=cause)
        milestones.record_step(
            actor=OFFICER, measure_id=removal_id, transition=transition, event=event, now=now
        )
    take(blocking_id, "keep", now, actor=COLLEAGUE)
    assert act_of(blocking_id).state == "IN_FORCE"


def test_a_name_whose_request_was_executed_is_not_checked_any_more() -> None:
    """A name in force on an ended request: the doubt was answered before this was refused."""
    blocking_id, now = listed(2), datetime.now(UTC)
    removal_id = view(blocking_id).removal_id
    state = act_of_request(removal_id)
    assert raw.step(removal_id, "execute", state, "EXECUTED") == ""
    with pytest.raises(Refusal, match="REMOVAL_ENDED"):
        take(blocking_id, "check", now)
    assert act_of(blocking_id).state == "LISTED"


def act_of_request(removal_id: UUID) -> str:
    found = casework.get_act(actor=ANALYST, lifecycle=REMOVAL, act_id=removal_id)
    assert found is not None
    return found.act.state


def test_the_queue_of_blockings_shows_the_next_due_first() -> None:
    late, soon = listed(93), listed(1, host="two.example")
    found = views.list_blockings(actor=OFFICER, now=datetime.now(UTC))
    assert [one.act.id for one in found][:2] == [late, soon]
    assert [one.late for one in found][:2] == [True, True]
