"""A report opened again, or decided anew: nothing that an earlier decision drafted leaves the desk."""

import threading
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection, transaction

from fanal.accounts import row_scope
from fanal.casework.domain.lifecycle import REPLACED
from fanal.casework.domain.records import Event, Event as Sending, RecordedDecision
from fanal.casework.operations.acts import take_step
from fanal.casework.operations.deciding import record_decision
from fanal.judicial import operations as judicial, queries
from fanal.judicial.domain.kinds import REFERRAL
from fanal.judicial.domain.records import ReferralState
from fanal.kernel.actors import Role
from fanal.kernel.refusal import Refusal
from fanal.kernel.states import TransitionRefused
from fanal.measures import queries as measures
from fanal.measures.domain.records import MeasureState
from fanal.measures.operations import drafts
from fanal.measures.operations.milestones import record_first_contact, record_sent
from fanal.orient import queries as oriented
from fanal.orient.domain.records import Choice, Track
from fanal.orient.operations.decisions import reopen_case
from fanal.orient.queue.operations import claim_case
from tests.integration.measures.racing import wait_until_somebody_waits
from tests.integration.measures.stories import (
    ANALYST,
    BOTH,
    OFFICER,
    OVERSEER,
    RECIPIENT,
    decide,
    measure,
)
from tests.integration.orient.people import person
from tests.unit.orient.items import MATERIAL, NOW, item

CLERK = person(Role.JUDICIAL_OFFICER)
NOTHING = Choice(tracks=(Track.NONE,), bases=(), reason="lawful content, nothing to remove")
PROVED = Event(happened_at=NOW, proof="register no. 12")
LATER = NOW + timedelta(hours=13)


def reopen(recorded: RecordedDecision) -> None:
    reopen_case(actor=ANALYST, report_id=recorded.decision.report_id, now=NOW)


def decide_anew(recorded: RecordedDecision, choice: Choice = NOTHING) -> RecordedDecision:
    """The report is opened again, claimed and decided."""
    reopen(recorded)
    report_id = recorded.decision.report_id
    claim = claim_case(actor=ANALYST, report_id=report_id, now=NOW)
    found = item(report_id=report_id, **MATERIAL).report
    return record_decision(
        actor=ANALYST, report=found, choice=choice, claim_token=claim.token, now=NOW
    )


def approve(measure_id: UUID) -> None:
    digest = measure(measure_id).digest
    drafts.approve_measure(actor=OFFICER, measure_id=measure_id, digest=digest, now=NOW)


def send(measure_id: UUID) -> None:
    record_first_contact(
        actor=OFFICER, recipient=RECIPIENT, event=Sending(happened_at=NOW, proof="mail"), now=NOW
    )
    event = Sending(happened_at=LATER, proof="mail of 13:00")
    record_sent(actor=OFFICER, measure_id=measure_id, event=event, now=LATER)


def prepare(recorded: RecordedDecision) -> None:
    """The judicial officer's account of the facts, and the referral ready to leave."""
    judicial.amend_referral(
        actor=CLERK,
        referral_id=recorded.opened["referral"][0],
        body="OFMIN",
        summary="Facts.",
        now=NOW,
    )
    move(recorded, "prepare")


def move(recorded: RecordedDecision, name: str) -> None:
    take_step(
        actor=CLERK,
        lifecycle=REFERRAL,
        act_id=recorded.opened["referral"][0],
        transition=name,
        event=PROVED,
        now=NOW,
    )


def referral_state(recorded: RecordedDecision) -> ReferralState:
    found = queries.get_referral(actor=CLERK, referral_id=recorded.opened["referral"][0])
    assert found is not None
    return found.referral.state


def stands(recorded: RecordedDecision) -> bool:
    """The same to whoever reads the measure, whatever else the database shows them."""
    decision, answers = recorded.decision, set()
    for reader in (OFFICER, OVERSEER):
        with row_scope.shown_to(reader):
            answers.add(
                oriented.decision_stands(
                    actor=reader, report_id=decision.report_id, decision_id=decision.id
                )
            )
    (answer,) = answers
    return answer


class TestOpenedAgain:
    def test_a_measure_is_not_seconded(self) -> None:
        recorded = decide()
        assert stands(recorded)
        reopen(recorded)
        assert not stands(recorded)
        with pytest.raises(Refusal, match="GROUND_GONE"):
            approve(recorded.opened["measure"][0])
        assert measure(recorded.opened["measure"][0]).state is MeasureState.TO_SECOND

    def test_a_seconded_measure_is_not_sent(self) -> None:
        recorded = decide()
        approve(recorded.opened["measure"][0])
        reopen(recorded)
        with pytest.raises(Refusal, match="GROUND_GONE"):
            send(recorded.opened["measure"][0])
        assert measure(recorded.opened["measure"][0]).state is MeasureState.APPROVED

    def test_a_draft_is_not_submitted(self) -> None:
        recorded = decide(addressee=None)
        reopen(recorded)
        with pytest.raises(Refusal, match="GROUND_GONE"):
            drafts.submit_measure(actor=ANALYST, measure_id=recorded.opened["measure"][0], now=NOW)

    def test_it_may_still_be_refused_and_given_up(self) -> None:
        recorded = decide()
        (measure_id,) = recorded.opened["measure"]
        reopen(recorded)
        digest = measure(measure_id).digest
        drafts.refuse_measure(
            actor=OFFICER, measure_id=measure_id, digest=digest, reason="opened again", now=NOW
        )
        drafts.withdraw_measure(actor=ANALYST, measure_id=measure_id, cause="", now=NOW)
        assert measure(measure_id).state is MeasureState.WITHDRAWN

    def test_a_referral_is_not_sent(self) -> None:
        recorded = decide()
        prepare(recorded)
        reopen(recorded)
        with pytest.raises(Refusal, match="GROUND_GONE"):
            move(recorded, "send")
        assert referral_state(recorded) is ReferralState.READY


class TestDecidedAnew:
    @pytest.mark.parametrize("steps", [(), (approve,)], ids=["waiting", "seconded"])
    def test_what_was_not_sent_is_withdrawn(
        self, steps: tuple[Callable[[UUID], None], ...]
    ) -> None:
        recorded = decide()
        (measure_id,) = recorded.opened["measure"]
        for step in steps:
            step(measure_id)
        prepare(recorded)
        decide_anew(recorded)
        assert measure(measure_id).state is MeasureState.WITHDRAWN
        last = measures.steps_of(actor=ANALYST, measure_id=measure_id)[-1]
        assert (last.transition, last.reason) == ("withdraw", REPLACED)
        assert referral_state(recorded) is ReferralState.WITHDRAWN
        for act in (approve, send):
            with pytest.raises((Refusal, TransitionRefused)):
                act(measure_id)
        with pytest.raises(Refusal):
            move(recorded, "send")

    def test_what_was_sent_stays_and_is_marked(self) -> None:
        recorded = decide()
        (measure_id,) = recorded.opened["measure"]
        approve(measure_id)
        send(measure_id)
        decide_anew(recorded)
        assert measure(measure_id).state is MeasureState.SENT
        assert not stands(recorded)

    def test_the_same_again_leaves_one_request_a_host(self) -> None:
        recorded = decide()
        anew = decide_anew(recorded, BOTH)
        assert stands(anew)
        assert not stands(recorded)
        found = measures.measures_of(actor=ANALYST, report_ids=[recorded.decision.report_id])[
            recorded.decision.report_id
        ]
        waiting = [m.id for m in found if m.state is not MeasureState.WITHDRAWN]
        assert waiting == list(anew.opened["measure"])
        assert referral_state(anew) is ReferralState.DRAFT


@pytest.mark.django_db(transaction=True)
def test_a_second_signature_waits_for_a_new_decision() -> None:
    """Both take the case first: neither waits for a row that the other holds."""
    recorded = decide()
    (measure_id,) = recorded.opened["measure"]
    faults: list[Exception] = []

    def second() -> None:
        try:
            with row_scope.shown_to(OFFICER):
                approve(measure_id)
        except Refusal as fault:
            faults.append(fault)
        finally:
            connection.close()

    thread = threading.Thread(target=second)
    with transaction.atomic():
        reopen_case(actor=ANALYST, report_id=recorded.decision.report_id, now=NOW)
        thread.start()
        wait_until_somebody_waits()
        claim = claim_case(actor=ANALYST, report_id=recorded.decision.report_id, now=NOW)
        record_decision(
            actor=ANALYST,
            report=item(report_id=recorded.decision.report_id, **MATERIAL).report,
            choice=NOTHING,
            claim_token=claim.token,
            now=NOW,
        )
    thread.join(timeout=20)
    assert [str(fault) for fault in faults] == ["GROUND_GONE"]
    assert measure(measure_id).state is MeasureState.WITHDRAWN
