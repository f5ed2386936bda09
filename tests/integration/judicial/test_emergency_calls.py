"""An emergency call: opened with the alarm, asked for until it is recorded, never addressed like a referral."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from fanal.accounts.domain.policy import Refused
from fanal.casework import queries
from fanal.casework.domain.inbox import InboxFilter, InboxTab
from fanal.casework.domain.records import ActFile, Event
from fanal.casework.operations.acts import amend_act
from fanal.casework.operations.approvals import erase_words
from fanal.judicial import operations, queries as judicial
from fanal.judicial.domain.kinds import REFERRAL
from fanal.judicial.emergency_call import acts
from fanal.judicial.emergency_call.document import read_call
from fanal.judicial.emergency_call.kind import EMERGENCY_CALL
from fanal.kernel.actors import Actor, Role
from fanal.kernel.refusal import Refusal
from fanal.kernel.states import TransitionRefused
from fanal.orient.alarms.operations.alarms import raise_alarm
from fanal.orient.alarms.queries import alarms_of, waiting_alarms
from fanal.orient.domain.records import Choice, Track
from fanal.orient.operations.batch import orient_batch
from tests.integration.measures.stories import ANALYST, OVERSEER, decide
from tests.integration.orient.people import WORKER, person
from tests.server import as_worker
from tests.unit.orient.items import NOW, Place, item, victim

OFFICER, WEST = person(Role.JUDICIAL_OFFICER), person(Role.ANALYST, desk=2)
LATER = NOW + timedelta(minutes=4)


@pytest.fixture
def taken() -> UUID:
    """Return a report of a child in danger whose alarm the analyst took."""
    subject = item(
        level="DANGER",
        floor="CHILD_IN_DANGER",
        persons=(victim(12),),
        place=Place(country="FR", locality="Lille"),
    )
    report_id = subject.report.report_id
    orient_batch(actor=WORKER, items=[subject], now=NOW)
    raise_alarm(actor=WORKER, report_id=report_id, desk_id=1, now=NOW)
    ids = [alarm.id for alarm in alarms_of(actor=ANALYST, report_id=report_id)]
    named = {"alarm_ids": ids, "report_id": report_id, "record": subject.report}
    assert acts.take_alarms(actor=ANALYST, **named, now=NOW)
    assert not acts.take_alarms(actor=OFFICER, **named, now=NOW)
    return report_id


def to_call(report_id: UUID, actor: Actor = ANALYST) -> UUID:
    """Return the one call that is to be made."""
    (call,), count = acts.calls_to_make(actor=actor)
    assert count == 1
    assert (call.subject_id, call.level) == (report_id, "DANGER")
    return call.id


def file_of(call_id: UUID) -> ActFile:
    found = queries.get_act(actor=ANALYST, lifecycle=EMERGENCY_CALL, act_id=call_id)
    assert found is not None
    return found


def record(
    call_id: UUID, name: str, proof: str = "", actor: Actor = ANALYST, at: datetime = LATER
) -> None:
    event = Event(happened_at=at, proof=proof)
    acts.record_call(actor=actor, call_id=call_id, transition=name, event=event, now=LATER)


def test_the_alarm_that_is_taken_leaves_a_call_to_make(taken: UUID) -> None:
    assert waiting_alarms(actor=ANALYST).alarms == ()
    call_id = to_call(taken)
    content = file_of(call_id).content
    assert content is not None
    assert "Lille, France" in read_call(content).text.fr
    record(call_id, "miss")
    assert to_call(taken, OFFICER) == call_id
    record(call_id, "answer", "CIC 59, operator 4", OFFICER)
    assert acts.calls_to_make(actor=ANALYST) == ((), 0)
    act = file_of(call_id).act
    assert (act.state, act.sent_at) == ("ANSWERED", LATER)
    record(call_id, "confirm", "message of the service")
    assert file_of(call_id).act.state == "CONFIRMED"
    assert [step.proof for step in file_of(call_id).steps] == [
        "", "CIC 59, operator 4", "message of the service",
    ]  # fmt: skip


def test_who_answered_and_why_nobody_is_called_are_asked(taken: UUID) -> None:
    call_id = to_call(taken)
    for name in ("answer", "decline"):
        with pytest.raises(Refusal, match="NO_PROOF"):
            record(call_id, name, "  ")
    with pytest.raises(Refusal, match="EVENT_IN_FUTURE"):
        record(call_id, "answer", "CIC 59", at=LATER + timedelta(minutes=2))
    record(call_id, "decline", "The child is home.")
    assert acts.calls_to_make(actor=ANALYST) == ((), 0)
    with pytest.raises(TransitionRefused):
        record(call_id, "answer", "CIC 59")


def test_a_wrong_record_is_called_again(taken: UUID) -> None:
    call_id = to_call(taken)
    record(call_id, "answer", "CIC 59")
    record(call_id, "again", "It was another child.")
    assert to_call(taken) == call_id


def test_one_call_at_a_time_and_another_after_it(taken: UUID) -> None:
    named = {"report_id": taken, "desk_id": 1, "record": None, "now": LATER}
    call_id = to_call(taken)
    assert acts.open_call(actor=OFFICER, **named) == call_id
    record(call_id, "answer", "CIC 59")
    assert acts.open_call(actor=OFFICER, **named) != call_id
    assert len(acts.calls_on(actor=ANALYST, report_id=taken)) == 2


def test_people_of_the_desk_alone_call(taken: UUID) -> None:
    call_id = to_call(taken)
    assert acts.calls_to_make(actor=WEST) == acts.calls_to_make(actor=OVERSEER) == ((), 0)
    with pytest.raises(Refused):
        record(call_id, "answer", "CIC 59", WEST)
    with pytest.raises(Refused):
        acts.open_call(actor=OVERSEER, report_id=taken, desk_id=1, record=None, now=LATER)


def test_the_inbox_and_its_deadlines(taken: UUID) -> None:
    call_id = to_call(taken)
    assert acts.CALLS.due_at(file_of(call_id).act) == NOW + timedelta(minutes=5)
    page = queries.list_inbox(
        actor=ANALYST, inbox=acts.CALLS, tab=InboxTab.TO_SEND, chosen=InboxFilter(), danger=(), now=LATER
    )  # fmt: skip
    assert [act.id for act in page.acts] == [call_id]
    assert page.danger == {call_id}
    record(call_id, "answer", "CIC 59")
    due = acts.CALLS.due_at(file_of(call_id).act)
    assert due is not None
    assert due > LATER


def test_its_words_expire(taken: UUID) -> None:
    call_id = to_call(taken)
    record(call_id, "answer", "CIC 59, operator 4")
    with as_worker():
        erase_words(actor=WORKER, kind="emergency_call", act_ids=[call_id], now=LATER)
    found = file_of(call_id)
    assert (found.content, found.steps[0].proof) == (None, "[…]")


def test_the_17_is_no_addressee_any_more() -> None:
    choice = Choice(tracks=(Track.JUDICIAL,), bases=("CP 227-23",), reason="read", body="POLICE_17")
    with pytest.raises(Refusal, match="EMERGENCY_BODY"):
        decide(choice=choice, addressee=None)
    other = Choice(tracks=(Track.JUDICIAL,), bases=("CP 227-23",), reason="read", body="OFMIN")
    recorded = decide(choice=other, addressee=None)
    (referral_id,) = recorded.opened["referral"]
    with pytest.raises(Refusal, match="EMERGENCY_BODY"):
        operations.amend_referral(
            actor=OFFICER, referral_id=referral_id, body="POLICE_17", summary="Facts.", now=NOW
        )


def test_an_earlier_referral_to_the_17_stays_readable() -> None:
    choice = Choice(tracks=(Track.JUDICIAL,), bases=("CP 227-23",), reason="read", body="OFMIN")
    recorded = decide(choice=choice, addressee=None)
    (referral_id,) = recorded.opened["referral"]
    amend_act(
        actor=OFFICER,
        lifecycle=REFERRAL,
        act_id=referral_id,
        amend=lambda content: content,
        addressee="POLICE_17",
        now=NOW,
    )
    found = judicial.get_referral(actor=OFFICER, referral_id=referral_id)
    assert found is not None
    assert "Police secours (17)" in found.text_fr
