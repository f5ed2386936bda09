"""A request that had left before anybody recorded it, and may no longer be sent: recorded as the fact it is."""

from datetime import timedelta
from uuid import UUID

import pytest

from fanal.accounts import row_scope
from fanal.accounts.domain.policy import Refused
from fanal.casework.domain.records import ActStep, Event
from fanal.kernel.actors import Role
from fanal.kernel.refusal import Refusal
from fanal.kernel.states import TransitionRefused
from fanal.ledger import queries as ledger
from fanal.measures import queries
from fanal.measures.domain.records import MeasureState
from fanal.measures.operations import milestones
from fanal.measures.operations.drafts import amend_measure, withdraw_measure
from fanal.orient.operations import decisions
from fanal.orient.queue.operations import claim_case
from tests.integration.judicial.test_decided_anew import NOTHING, decide_anew
from tests.integration.measures.racing import refused_meanwhile
from tests.integration.measures.raw import CHECK, step
from tests.integration.measures.stories import (
    ADDRESSEE,
    ANALYST,
    OFFICER,
    OVERSEER,
    RECIPIENT,
    decide,
    measure,
    seconded,
)
from tests.integration.measures.test_following import HOUR, event
from tests.integration.orient.people import person
from tests.unit.orient.items import NOW

OPENED = NOW + 14 * HOUR
RECORDED = NOW + 20 * HOUR


def informed() -> None:
    milestones.record_first_contact(actor=OFFICER, recipient=RECIPIENT, event=event(NOW), now=NOW)


def opened_again(at: object = OPENED) -> UUID:
    """A seconded measure whose report was opened again at `at`."""
    informed()
    recorded = decide()
    (measure_id,) = recorded.opened["measure"]
    seconded(measure_id)
    decisions.reopen_case(actor=ANALYST, report_id=recorded.decision.report_id, now=at)
    return measure_id


def leave(measure_id: UUID, at: object, *, proof: str = "mail 12", **values: object) -> ActStep:
    milestones.record_left(
        **(
            {
                "actor": OFFICER,
                "measure_id": measure_id,
                "event": Event(happened_at=at, proof=proof),
                "now": RECORDED,
            }
            | values
        )
    )
    return queries.steps_of(actor=OVERSEER, measure_id=measure_id)[-1]


@pytest.mark.parametrize(
    ("at", "after"),
    [
        (OPENED - timedelta(seconds=1), False),
        (OPENED, True),
        (OPENED + HOUR, True),
    ],
)
def test_it_is_sent_and_says_whether_its_ground_stood_then(at: object, after: bool) -> None:
    measure_id = opened_again()
    with pytest.raises(Refusal, match="GROUND_GONE"):
        milestones.record_sent(actor=OFFICER, measure_id=measure_id, event=event(at), now=RECORDED)
    taken = leave(measure_id, at)
    found = measure(measure_id)
    assert (found.state, found.sent_at) == (MeasureState.SENT, at)
    assert (taken.transition, taken.happened_at, taken.recorded_at) == ("leave", at, RECORDED)
    assert (taken.lapsed_at, taken.left_after, taken.reason) == (OPENED, after, "")
    (told,) = queries.list_left(actor=OVERSEER)
    assert (told[0].id, told[1]) == (measure_id, taken)
    (entry,) = (
        e
        for e in ledger.entries_of(actor=OVERSEER, object_id=measure_id)
        if e.action == "measure.notify"
    )
    assert entry.detail["left"] == ("AFTER_GROUND" if after else "BEFORE_GROUND")
    # From there on it is followed, and given up, as any other.
    milestones.record_receipt(
        actor=OFFICER, measure_id=measure_id, event=event(RECORDED), now=RECORDED
    )
    withdraw_measure(actor=ANALYST, measure_id=measure_id, cause="told", now=RECORDED)


def test_decided_anew_meanwhile_it_was_withdrawn_and_had_left_all_the_same() -> None:
    informed()
    recorded = decide()
    (measure_id,) = recorded.opened["measure"]
    seconded(measure_id)
    decide_anew(recorded, NOTHING)
    assert measure(measure_id).state is MeasureState.WITHDRAWN
    taken = leave(measure_id, NOW + 12 * HOUR)
    assert (taken.source, taken.target) == (MeasureState.WITHDRAWN, MeasureState.SENT)
    assert taken.lapsed_at == NOW
    assert taken.left_after
    withdraw_measure(actor=ANALYST, measure_id=measure_id, cause="told", now=RECORDED)
    with pytest.raises(Refusal, match="ALREADY_SENT"):
        leave(measure_id, NOW + 12 * HOUR)


def test_the_ground_went_at_the_first_reopening_after_its_decision() -> None:
    """Opened again, decided, and opened again: what the first decision drafted rests on nothing since the first."""
    informed()
    recorded = decide()
    (measure_id,) = recorded.opened["measure"]
    seconded(measure_id)
    report_id = recorded.decision.report_id
    decisions.reopen_case(actor=ANALYST, report_id=report_id, now=OPENED)
    claim = claim_case(actor=ANALYST, report_id=report_id, now=OPENED + HOUR)
    decisions.decide(
        actor=ANALYST,
        report_id=report_id,
        choice=NOTHING,
        claim_token=claim.token,
        now=OPENED + HOUR,
    )
    decisions.reopen_case(actor=ANALYST, report_id=report_id, now=OPENED + 2 * HOUR)
    assert leave(measure_id, OPENED + HOUR / 2).lapsed_at == OPENED


def test_given_up_by_a_person_while_it_was_on_its_way() -> None:
    informed()
    (measure_id,) = decide().opened["measure"]
    seconded(measure_id)
    withdraw_measure(actor=ANALYST, measure_id=measure_id, cause="", now=OPENED)
    taken = leave(measure_id, OPENED - HOUR)
    assert (taken.lapsed_at, taken.left_after) == (OPENED, False)


def test_what_the_host_was_not_told_before_is_kept_and_refuses_no_fact() -> None:
    recorded = decide()
    (measure_id,) = recorded.opened["measure"]
    seconded(measure_id)
    decisions.reopen_case(actor=ANALYST, report_id=recorded.decision.report_id, now=OPENED)
    assert leave(measure_id, OPENED - HOUR).reason == "FIRST_CONTACT_MISSING"


def test_the_non_disclosure_runs_from_when_it_left() -> None:
    informed()
    recorded = decide()
    (measure_id,) = recorded.opened["measure"]
    amend_measure(
        actor=ANALYST,
        measure_id=measure_id,
        addressee=ADDRESSEE,
        targets=measure(measure_id).request.targets,
        non_disclosure=True,
        now=NOW,
    )
    seconded(measure_id)
    decisions.reopen_case(actor=ANALYST, report_id=recorded.decision.report_id, now=OPENED)
    leave(measure_id, OPENED - HOUR)
    assert measure(measure_id).non_disclosure_until == OPENED - HOUR + timedelta(weeks=6)


def test_while_its_decision_stands_it_is_recorded_as_usual() -> None:
    informed()
    (measure_id,) = decide().opened["measure"]
    seconded(measure_id)
    with pytest.raises(Refusal, match="GROUND_STANDS"):
        leave(measure_id, NOW + 12 * HOUR)


@pytest.mark.parametrize(
    ("at", "proof", "code"),
    [
        (OPENED, " ", "NO_PROOF"),
        (RECORDED + HOUR, "mail", "EVENT_IN_FUTURE"),
        (NOW - HOUR, "mail", "EVENT_TOO_EARLY"),  # nobody had seconded it
        (OPENED, "a\0b", "TEXT_UNREADABLE"),
    ],
)
def test_what_cannot_be_is_refused(at: object, proof: str, code: str) -> None:
    measure_id = opened_again()
    with pytest.raises(Refusal, match=code):
        leave(measure_id, at, proof=proof)
    assert measure(measure_id).state is MeasureState.APPROVED


def test_what_was_never_seconded_has_not_left() -> None:
    recorded = decide()
    (measure_id,) = recorded.opened["measure"]
    decisions.reopen_case(actor=ANALYST, report_id=recorded.decision.report_id, now=OPENED)
    with pytest.raises(TransitionRefused):
        leave(measure_id, OPENED)
    withdraw_measure(actor=ANALYST, measure_id=measure_id, cause="", now=OPENED)
    with pytest.raises(Refusal, match="NOT_APPROVED"):
        leave(measure_id, OPENED)
    assert step(measure_id, "leave", "WITHDRAWN", "SENT", lapsed=True) == CHECK  # nor by raw SQL


def test_what_may_have_left_stays_as_it_was_signed() -> None:
    """Amended, nobody could write any more that the signed bytes left."""
    measure_id = opened_again()
    with pytest.raises(Refusal, match="GROUND_GONE"):
        amend_measure(
            actor=ANALYST,
            measure_id=measure_id,
            addressee=ADDRESSEE,
            targets=measure(measure_id).request.targets,
            non_disclosure=False,
            now=RECORDED,
        )
    leave(measure_id, OPENED - HOUR)


def test_only_measures_officers_of_the_desk_record_it() -> None:
    measure_id = opened_again()
    for actor in (
        ANALYST,
        OVERSEER,
        person(Role.SUPERVISOR),
        person(Role.JUDICIAL_OFFICER),
        person(Role.MEASURES_OFFICER, desk=2),
    ):
        with pytest.raises(Refused):
            leave(measure_id, OPENED, actor=actor)
    assert queries.list_left(actor=person(Role.MEASURES_OFFICER, desk=2)) == ()


def test_the_database_keeps_no_leaving_without_the_instant_of_its_ground() -> None:
    measure_id = opened_again()
    assert step(measure_id, "leave", "APPROVED", "SENT") == CHECK
    assert step(measure_id, "send", "APPROVED", "SENT", lapsed=True) == CHECK
    assert step(measure_id, "leave", "APPROVED", "SENT", lapsed=True, proof=" ") == CHECK
    assert step(measure_id, "leave", "APPROVED", "SENT", lapsed=True) == ""


def test_the_database_keeps_no_leaving_while_the_decision_stands_nor_a_second_one() -> None:
    informed()
    (measure_id,) = decide().opened["measure"]
    seconded(measure_id)
    assert step(measure_id, "leave", "APPROVED", "SENT", lapsed=True) == CHECK
    assert step(measure_id, "withdraw", "APPROVED", "WITHDRAWN", by=ANALYST.person_id) == ""
    assert step(measure_id, "leave", "WITHDRAWN", "SENT", lapsed=True) == ""
    assert step(measure_id, "withdraw", "SENT", "WITHDRAWN", by=ANALYST.person_id) == ""
    assert step(measure_id, "leave", "WITHDRAWN", "SENT", lapsed=True) == CHECK


@pytest.mark.django_db(transaction=True)
def test_recording_waits_for_a_reopening_and_then_tells_the_truth() -> None:
    """The officer's page still says that it may be sent; the report is opened again at that moment."""
    informed()
    recorded = decide()
    (measure_id,) = recorded.opened["measure"]
    seconded(measure_id)
    report_id = recorded.decision.report_id
    faults = refused_meanwhile(
        lambda: decisions.reopen_case(actor=ANALYST, report_id=report_id, now=OPENED),
        lambda: milestones.record_sent(
            actor=OFFICER, measure_id=measure_id, event=event(RECORDED), now=RECORDED
        ),
    )
    assert faults == ["GROUND_GONE"]
    with row_scope.shown_to(OFFICER):
        assert not leave(measure_id, OPENED - HOUR).left_after
