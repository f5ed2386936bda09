"""What happens after approval: first contact, sending, receipt, the 24 hours, oversight."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from fanal.accounts.domain.policy import Refused
from fanal.casework.domain.records import Addressee, Event
from fanal.casework.operations.acts import ActUnknown as MeasureUnknown
from fanal.kernel.actors import Role
from fanal.kernel.refusal import Refusal
from fanal.kernel.states import TransitionRefused
from fanal.measures import queries
from fanal.measures.domain.records import MeasureState, SuspensionCause
from fanal.measures.operations import milestones
from fanal.measures.operations.drafts import amend_measure, approve_measure, withdraw_measure
from tests.integration.measures.stories import (
    ANALYST,
    OFFICER,
    OVERSEER,
    RECIPIENT,
    decide,
    measure,
    seconded,
)
from tests.integration.orient.people import person
from tests.unit.orient.items import NOW, url

HOUR = timedelta(hours=1)


def event(at: datetime, proof: str = "acknowledgement of 24 November") -> Event:
    return Event(happened_at=at, proof=proof, proof_digest="ab" * 32)


def approved() -> UUID:
    (measure_id,) = decide().opened["measure"]
    return seconded(measure_id)


def sent(at: datetime = NOW + 12 * HOUR) -> UUID:
    measure_id = approved()
    milestones.record_first_contact(actor=OFFICER, recipient=RECIPIENT, event=event(NOW), now=NOW)
    milestones.record_sent(actor=OFFICER, measure_id=measure_id, event=event(at), now=at)
    return measure_id


def received(at: datetime = NOW + 13 * HOUR) -> UUID:
    measure_id = sent()
    milestones.record_receipt(actor=OFFICER, measure_id=measure_id, event=event(at), now=at)
    return measure_id


def test_a_host_never_asked_is_informed_twelve_hours_before() -> None:
    measure_id = approved()
    with pytest.raises(Refusal, match="FIRST_CONTACT_MISSING"):
        milestones.record_sent(actor=OFFICER, measure_id=measure_id, event=event(NOW), now=NOW)
    milestones.record_first_contact(actor=OFFICER, recipient=RECIPIENT, event=event(NOW), now=NOW)
    early = NOW + 12 * HOUR - timedelta(seconds=1)
    with pytest.raises(Refusal, match="FIRST_CONTACT_TOO_RECENT"):
        milestones.record_sent(actor=OFFICER, measure_id=measure_id, event=event(early), now=early)
    at = NOW + 12 * HOUR
    milestones.record_sent(actor=OFFICER, measure_id=measure_id, event=event(at), now=at)
    # A host asked before needs no second information.
    again = approved()
    milestones.record_sent(actor=OFFICER, measure_id=again, event=event(at + HOUR), now=at + HOUR)


def test_who_receives_is_informed_whatever_the_page_is_called() -> None:
    sent()
    elsewhere, at = "mirror.example", NOW + 13 * HOUR
    [mirror] = decide(host=elsewhere, urls=(url(f"https://{elsewhere}/1", elsewhere),)).opened[
        "measure"
    ]
    milestones.record_sent(actor=OFFICER, measure_id=seconded(mirror), event=event(at), now=at)
    moved = Addressee(name="Other Ltd", contact="Abuse@Other.example")
    [other] = decide(addressee=moved).opened["measure"]
    with pytest.raises(Refusal, match="FIRST_CONTACT_MISSING"):
        milestones.record_sent(actor=OFFICER, measure_id=seconded(other), event=event(at), now=at)
    told = measure(other).request.recipient
    assert told == "abuse@other.example"
    milestones.record_first_contact(actor=OFFICER, recipient=told, event=event(NOW), now=at)
    milestones.record_sent(actor=OFFICER, measure_id=other, event=event(at), now=at)


def test_an_amended_request_goes_to_whoever_it_names_then() -> None:
    [measure_id] = decide().opened["measure"]
    request = measure(measure_id).request
    amend_measure(
        actor=ANALYST, measure_id=measure_id, targets=request.targets, non_disclosure=False, now=NOW,
        addressee=Addressee(name="Other Ltd", contact="abuse@other.example"),
    )  # fmt: skip
    milestones.record_first_contact(actor=OFFICER, recipient=RECIPIENT, event=event(NOW), now=NOW)
    at = NOW + 13 * HOUR
    with pytest.raises(Refusal, match="FIRST_CONTACT_MISSING"):
        milestones.record_sent(
            actor=OFFICER, measure_id=seconded(measure_id), event=event(at), now=at
        )


def test_first_information_stays_the_first() -> None:
    milestones.record_first_contact(actor=OFFICER, recipient=RECIPIENT, event=event(NOW), now=NOW)
    later = milestones.record_first_contact(
        actor=OFFICER, recipient=RECIPIENT, event=event(NOW + HOUR), now=NOW + HOUR
    )
    assert later == NOW
    with pytest.raises(Refused):
        milestones.record_first_contact(
            actor=ANALYST, recipient="x.example", event=event(NOW), now=NOW
        )


def test_the_legal_clock_starts_from_a_recorded_receipt_only() -> None:
    measure_id = sent()
    assert measure(measure_id).legal_due_at is None
    with pytest.raises(Refusal, match="NO_PROOF"):
        milestones.record_receipt(
            actor=OFFICER,
            measure_id=measure_id,
            event=Event(happened_at=NOW + 13 * HOUR),
            now=NOW + 13 * HOUR,
        )
    # Recorded late: the clock runs from the receipt, not from the record.
    milestones.record_receipt(
        actor=OFFICER, measure_id=measure_id, event=event(NOW + 13 * HOUR), now=NOW + 20 * HOUR
    )
    assert measure(measure_id).legal_due_at == NOW + 37 * HOUR


def test_no_event_before_its_cause_or_in_the_future() -> None:
    measure_id = sent()
    with pytest.raises(Refusal, match="EVENT_TOO_EARLY"):
        milestones.record_receipt(
            actor=OFFICER, measure_id=measure_id, event=event(NOW), now=NOW + 13 * HOUR
        )
    with pytest.raises(Refusal, match="EVENT_IN_FUTURE"):
        milestones.record_receipt(
            actor=OFFICER, measure_id=measure_id, event=event(NOW + 14 * HOUR), now=NOW + 13 * HOUR
        )


def test_expiry_only_when_due_and_suspension_moves_it() -> None:
    measure_id = received()
    due = NOW + 37 * HOUR
    with pytest.raises(Refusal, match="NOT_DUE"):
        milestones.expire_measure(
            actor=OFFICER, measure_id=measure_id, now=due - timedelta(seconds=1)
        )
    milestones.suspend_clock(
        actor=OFFICER,
        measure_id=measure_id,
        cause=SuspensionCause.CLARIFICATION,
        event=event(NOW + 14 * HOUR),
        now=NOW + 14 * HOUR,
    )
    assert measure(measure_id).legal_due_at is None
    milestones.resume_clock(
        actor=OFFICER, measure_id=measure_id, event=event(NOW + 20 * HOUR), now=NOW + 20 * HOUR
    )
    assert measure(measure_id).legal_due_at == NOW + 44 * HOUR
    milestones.expire_measure(actor=OFFICER, measure_id=measure_id, now=NOW + 44 * HOUR)
    assert measure(measure_id).state is MeasureState.EXPIRED
    late = NOW + 50 * HOUR
    milestones.record_execution(actor=OFFICER, measure_id=measure_id, event=event(late), now=late)
    milestones.lift_measure(
        actor=OFFICER, measure_id=measure_id, cause="gone", event=event(late), now=late
    )
    with pytest.raises(TransitionRefused):
        withdraw_measure(actor=ANALYST, measure_id=measure_id, cause="x", now=late)


def test_annulled_by_a_court() -> None:
    measure_id = received()
    at = NOW + 60 * HOUR
    milestones.annul_measure(actor=OFFICER, measure_id=measure_id, event=event(at), now=at)
    assert measure(measure_id).state is MeasureState.ANNULLED


def test_not_sent_twice_nor_by_others() -> None:
    measure_id = sent()
    at = NOW + 15 * HOUR
    with pytest.raises(TransitionRefused):
        milestones.record_sent(actor=OFFICER, measure_id=measure_id, event=event(at), now=at)
    with pytest.raises(Refused):
        milestones.record_receipt(actor=ANALYST, measure_id=measure_id, event=event(at), now=at)
    with pytest.raises(MeasureUnknown):
        milestones.record_receipt(actor=OFFICER, measure_id=UUID(int=1), event=event(at), now=at)


def test_oversight_sees_every_measure_with_grounds_and_proofs() -> None:
    measure_id = received()
    (seen,) = queries.list_measures(actor=OVERSEER, states=[MeasureState.RECEIVED])
    assert seen.id == measure_id
    found = queries.get_measure(actor=OVERSEER, measure_id=measure_id)
    assert found is not None
    assert [step.transition for step in found.steps] == ["submit", "approve", "send", "receive"]
    assert found.steps[-1].proof == "acknowledgement of 24 November"
    assert found.measure.request.offence == "CP 227-23"
    assert found.approvals[0].approver_id == OFFICER.person_id
    assert queries.count_by_state(actor=OVERSEER)[MeasureState.RECEIVED] == 1
    with pytest.raises(Refused):
        withdraw_measure(actor=OVERSEER, measure_id=measure_id, cause="x", now=NOW)
    elsewhere = person(Role.MEASURES_OFFICER, desk=2)
    assert queries.list_measures(actor=elsewhere) == ()
    assert queries.get_measure(actor=elsewhere, measure_id=measure_id) is None
    assert queries.steps_of(actor=elsewhere, measure_id=measure_id) == ()


def test_withdrawing_the_last_measure_settles_the_case() -> None:
    recorded = decide()
    (measure_id,) = recorded.opened["measure"]
    withdraw_measure(actor=ANALYST, measure_id=measure_id, cause="duplicate", now=NOW)
    found = queries.measures_of(actor=ANALYST, report_ids=[recorded.decision.report_id])
    assert [m.state for m in found[recorded.decision.report_id]] == [MeasureState.WITHDRAWN]


def test_desk_clocks_before_receipt() -> None:
    (measure_id,) = decide().opened["measure"]
    assert measure(measure_id).due_at == NOW + 4 * HOUR  # to second, high priority
    digest = measure(measure_id).digest
    approve_measure(actor=OFFICER, measure_id=measure_id, digest=digest, now=NOW + HOUR)
    assert measure(measure_id).due_at == NOW + 5 * HOUR  # to send, from the approval
