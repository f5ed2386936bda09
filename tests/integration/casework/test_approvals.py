"""An act that a second person approves: exactly the bytes of a revision, by nobody who wrote them."""

from datetime import timedelta
from enum import StrEnum
from uuid import UUID, uuid4

import pytest
from django.db import connection
from msgspec import structs

from fanal.accounts.domain.policy import Refused
from fanal.casework import queries
from fanal.casework.domain.lifecycle import Requirement, lifecycle
from fanal.casework.domain.records import Act, ActDraft, ActFile, Event
from fanal.casework.operations.acts import amend_act, open_act, take_step
from fanal.casework.operations.approvals import approve_act, refuse_act
from fanal.config.migration import transitions_of
from fanal.kernel.actors import Actor, Role
from fanal.kernel.refusal import Refusal
from fanal.kernel.states import StateTable, TransitionRefused, move
from tests.integration.orient.people import person
from tests.refusals import CHECK, KEPT, database_refuses
from tests.unit.orient.items import NOW

pytestmark = pytest.mark.role("owner")
ANALYST, SUPERVISOR = person(Role.ANALYST), person(Role.SUPERVISOR)
SENDER = person(Role.MEASURES_OFFICER)
DONE = Event(happened_at=NOW, proof="register no. 12")


class State(StrEnum):
    """Where an act of the tests stands."""

    DRAFT = "DRAFT"
    TO_APPROVE = "TO_APPROVE"
    APPROVED = "APPROVED"
    SENT = "SENT"


_OPEN = {State.DRAFT, State.TO_APPROVE, State.APPROVED}
TRIED = lifecycle(
    kind="referral",  # whose actions the ledger knows
    states=StateTable(
        name="tried",
        initial=State.DRAFT,
        final=frozenset({State.SENT}),
        transitions=(
            move("amend", _OPEN, State.DRAFT),
            move("submit", {State.DRAFT}, State.TO_APPROVE),
            move("approve", {State.TO_APPROVE}, State.APPROVED),
            move("refuse", {State.TO_APPROVE}, State.DRAFT),
            move("send", {State.APPROVED}, State.SENT),
        ),
    ),
    requirements={
        "amend": Requirement(right="report.decide"),
        "submit": Requirement(right="report.decide"),
        "approve": Requirement(right="measure.approve"),
        "refuse": Requirement(right="measure.approve"),
        "send": Requirement(right="measure.send", proof=True, approved=True, sends=True),
    },
    reads="measure.read",
    proposes="report.decide",
)


@pytest.fixture(autouse=True)
def guarded(db: None) -> None:
    """The guards know this lifecycle in the place of a referral's, to the end of the test."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM casework_transition WHERE kind = 'referral'")
        cursor.execute("UPDATE casework_kind SET decided = false WHERE kind = 'referral'")
        cursor.executemany(
            "INSERT INTO casework_transition (kind, name, source, target, roles, proof, approved, sends,"
            " outcomes, in_force, lapsed, everywhere)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            list(transitions_of(TRIED)),
        )


@pytest.fixture
def act() -> UUID:
    """An act that waits for its second person."""
    draft = ActDraft(
        desk_id=1, subject_id=uuid4(), report_ids=(), addressee="OFMIN", content=b"Facts."
    )
    made = open_act(actor=ANALYST, lifecycle=TRIED, draft=draft, now=NOW)
    take(made, "submit", ANALYST)
    return made


def take(act: UUID, transition: str, actor: Actor) -> None:
    take_step(actor=actor, lifecycle=TRIED, act_id=act, transition=transition, event=DONE, now=NOW)


def file_of(act: UUID) -> ActFile:
    found = queries.get_act(actor=SUPERVISOR, lifecycle=TRIED, act_id=act)
    assert found is not None
    return found


def approve(act: UUID, actor: Actor = SUPERVISOR, digest: bytes | None = None) -> None:
    signed = file_of(act).digest if digest is None else digest
    approve_act(actor=actor, lifecycle=TRIED, act_id=act, digest=signed, now=NOW)


def test_it_leaves_once_another_person_approved_its_bytes(act: UUID) -> None:
    with pytest.raises(TransitionRefused):
        take(act, "send", SENDER)
    approve(act)
    take(act, "send", SENDER)
    found = file_of(act)
    assert (found.act.state, found.act.sent_at) == ("SENT", NOW)
    (signed,) = found.approvals
    assert (signed.approver_id, signed.digest) == (SUPERVISOR.person_id, found.digest)


def test_who_wrote_it_approves_nothing_and_neither_does_a_stranger(act: UUID) -> None:
    own = person(Role.ANALYST, Role.SUPERVISOR)
    amend_act(
        actor=own, lifecycle=TRIED, act_id=act, addressee="OFMIN", amend=lambda b: b + b"!", now=NOW
    )
    take(act, "submit", ANALYST)
    with pytest.raises(Refusal, match="OWN_BYTES"):
        approve(act, own)
    for nobody in (ANALYST, person(Role.SUPERVISOR, desk=2)):
        with pytest.raises(Refused):
            approve(act, nobody)


def test_a_verdict_is_on_the_present_bytes(act: UUID) -> None:
    read = file_of(act).digest
    amend_act(
        actor=ANALYST,
        lifecycle=TRIED,
        act_id=act,
        addressee="OFMIN",
        amend=lambda b: b + b"!",
        now=NOW,
    )
    with pytest.raises(Refusal, match="NOT_WAITING"):
        approve(act)
    take(act, "submit", ANALYST)
    with pytest.raises(Refusal, match="BYTES_CHANGED"):
        approve(act, digest=read)


def test_a_refusal_has_a_reason_and_an_approval_ends_with_an_amendment(act: UUID) -> None:
    def refuse(reason: str) -> None:
        refuse_act(
            actor=SUPERVISOR, lifecycle=TRIED, act_id=act, digest=file_of(act).digest,
            reason=reason, now=NOW,
        )  # fmt: skip

    with pytest.raises(Refusal, match="NO_REASON"):
        refuse("  ")
    refuse("The address is another one.")
    assert file_of(act).act.state == "DRAFT"
    with pytest.raises(Refusal, match="ALREADY_JUDGED"):  # nobody could give a second verdict
        take(act, "submit", ANALYST)
    amend_act(
        actor=ANALYST,
        lifecycle=TRIED,
        act_id=act,
        addressee="OFMIN",
        amend=lambda b: b + b"!",
        now=NOW,
    )
    take(act, "submit", ANALYST)
    approve(act)
    amend_act(
        actor=ANALYST,
        lifecycle=TRIED,
        act_id=act,
        addressee="OFMIN",
        amend=lambda b: b + b"?",
        now=NOW,
    )
    take(act, "submit", ANALYST)
    with pytest.raises(TransitionRefused):
        take(act, "send", SENDER)
    assert [one.verdict for one in file_of(act).approvals] == ["REFUSED", "APPROVED"]


def test_a_kind_refuses_or_completes_what_is_recorded_once_the_act_is_locked(act: UUID) -> None:
    def refusing(_act: Act, _event: Event) -> Event:
        raise Refusal("referral", "NO_REASON")

    def warned(found: Act, event: Event) -> Event:
        assert found.id == act
        return structs.replace(event, reason="read again", warnings=({"code": "KNOWN"},))

    signed = {"actor": SUPERVISOR, "lifecycle": TRIED, "act_id": act, "now": NOW}
    digest = file_of(act).digest
    with pytest.raises(Refusal, match="NO_REASON"):
        approve_act(**signed, digest=digest, before=refusing)
    assert file_of(act).approvals == ()
    approve_act(**signed, digest=digest, before=warned)
    found = file_of(act)
    for kept in (found.approvals[0], found.steps[-1]):
        assert (kept.reason, kept.warnings) == ("read again", ({"code": "KNOWN"},))


def test_no_event_lies_before_the_step_that_it_follows(act: UUID) -> None:
    """To the minute: forms give no seconds."""
    at = NOW.replace(second=30)
    approve_act(actor=SUPERVISOR, lifecycle=TRIED, act_id=act, digest=file_of(act).digest, now=at)
    for early in (at - timedelta(days=1), at.replace(second=0) - timedelta(seconds=1)):
        with pytest.raises(Refusal, match="EVENT_TOO_EARLY"):
            take_step(
                actor=SENDER, lifecycle=TRIED, act_id=act, transition="send",
                event=structs.replace(DONE, happened_at=early), now=at,
            )  # fmt: skip
        with database_refuses(CHECK), connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO casework_step (id, act_id, transition, source, target, actor_id, addressee,"
                " revision, proof, happened_at, recorded_at) VALUES (gen_random_uuid(), %s, 'send',"
                " 'APPROVED', 'SENT', %s, 'OFMIN', 1, 'mail', %s, now())",
                [act, SENDER.person_id, early],
            )
    take_step(
        actor=SENDER, lifecycle=TRIED, act_id=act, transition="send",
        event=structs.replace(DONE, happened_at=at.replace(second=0)), now=at,
    )  # fmt: skip
    assert file_of(act).act.state == "SENT"


def test_a_verdict_is_not_dated_before_the_bytes_were_written(act: UUID) -> None:
    early, digest = NOW - timedelta(milliseconds=1), file_of(act).digest
    asked = {"actor": SUPERVISOR, "lifecycle": TRIED, "act_id": act, "digest": digest}
    with pytest.raises(Refusal, match="EVENT_TOO_EARLY"):
        approve_act(now=early, **asked)
    with pytest.raises(Refusal, match="EVENT_TOO_EARLY"):
        refuse_act(reason="not yet", now=early, **asked)
    sign = (
        "INSERT INTO casework_approval (act_id, revision, verdict, digest, approver_id, reason, approved_at)"
        " VALUES (%s, 1, %s, %s, %s, 'read', %s)"
    )
    for verdict in ("APPROVED", "REFUSED"):
        for at in (early, NOW - timedelta(days=90)):
            with database_refuses(CHECK), connection.cursor() as cursor:
                cursor.execute(sign, [act, verdict, digest, SUPERVISOR.person_id, at])
    approve_act(now=NOW, **asked)


def test_postgresql_asks_the_same(act: UUID) -> None:
    sign = (
        "INSERT INTO casework_approval (act_id, revision, verdict, digest, approver_id, approved_at)"
        " VALUES (%s, 1, 'APPROVED', %s, %s, now())"
    )
    digest = file_of(act).digest
    outsider, analyst = person(Role.SUPERVISOR, desk=2).person_id, ANALYST.person_id
    for approver, signed in (
        (analyst, digest), (uuid4(), digest), (outsider, digest), (SUPERVISOR.person_id, b"others"),
    ):  # fmt: skip
        with database_refuses(CHECK), connection.cursor() as cursor:
            cursor.execute(sign, [act, signed, approver])
    approve(act)
    step = (
        "INSERT INTO casework_step (id, act_id, transition, source, target, actor_id, addressee, revision,"
        " proof, happened_at, recorded_at)"
        " VALUES (gen_random_uuid(), %s, 'approve', 'TO_APPROVE', 'APPROVED', %s, 'OFMIN', 1, '', now(), now())"
    )
    with database_refuses(CHECK), connection.cursor() as cursor:
        cursor.execute(step, [act, SUPERVISOR.person_id])  # it is approved already
    with database_refuses(KEPT), connection.cursor() as cursor:
        cursor.execute("UPDATE casework_approval SET verdict = 'REFUSED'")
