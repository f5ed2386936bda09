"""A world in which every act has been done once and said something: what expiry must leave nothing of."""

from dataclasses import replace
from datetime import datetime, time, timedelta
from uuid import UUID

from django.db import connection

from fanal.accounts.domain.duty import FIRST, DutyKind, NewDuty
from fanal.accounts.domain.public_info import LineVerdict
from fanal.accounts.models import User
from fanal.accounts.operations.duty import add_duty, end_duty
from fanal.accounts.operations.public_info import check_number
from fanal.accounts.queries.people import actor_for
from fanal.casework import queries as acts
from fanal.casework.domain.proofs import ProofFile
from fanal.casework.domain.records import Addressee, Event, Event as Sending
from fanal.casework.operations.acts import take_step
from fanal.intake.domain import receipt
from fanal.intake.domain.records import Arrival, Format, Submission
from fanal.intake.operations.follow import answer_desk
from fanal.intake.operations.holds import lift_holds, place_hold
from fanal.intake.operations.receive import receive_reports
from fanal.judicial import operations as judicial
from fanal.judicial.domain.kinds import REFERRAL, SHEET
from fanal.judicial.domain.records import ReferralOutcome
from fanal.kernel.actors import Actor, Role, public_actor
from fanal.kernel.calendar import paris_day
from fanal.measures import queries as measured
from fanal.measures.appeal.acts import record_appeal
from fanal.measures.blocking.acts import record_blocking
from fanal.measures.blocking.mirrors.acts import record_mirror
from fanal.measures.dereferencing.acts import record_dereferencing
from fanal.measures.dereferencing.kind import DEREFERENCING
from fanal.measures.domain.oversight import AnswerVerdict
from fanal.measures.domain.records import LiftOutcome
from fanal.measures.operations import milestones
from fanal.measures.operations.drafts import amend_measure, approve_measure, submit_measure
from fanal.measures.operations.oversight import answer_recommendation
from fanal.statistics.annotations import AnnotationKind, write_annotation
from tests.integration.policy.world import SYSTEM, World, make_world

CELL = "own"
"""The cell of the walked world whose acts are carried to their end."""


def make_ended_world() -> World:
    """Make the walked world, then close the referral, the sheet and the measure of one report."""
    world = make_world()
    _close_referral(world)
    _close_sheet(world)
    _close_measure(world)
    _withdraw_lasting(world)
    _converse(world)
    _hold(world)
    _serve(world)
    return world


def _person(world: World, role: Role) -> Actor:
    return actor_for(user=world.users[role], now=world.now, motive="walk")


def _file(world: World, kind: str) -> ProofFile:
    """Return a file of a proof, so large that it has a place of its own on disk."""
    said = world.canary(CELL, f"file-of-{kind}")
    return ProofFile(content=said.encode() * 4000, name=f"{said}.txt", media_type=f"text/{said}")


def _close_referral(world: World) -> None:
    clerk, referral_id = _person(world, Role.JUDICIAL_OFFICER), world.referral_ids[CELL]
    proof = world.canary(CELL, "proof-of-referral")
    judicial.amend_referral(
        actor=clerk, referral_id=referral_id, body="OFMIN", summary=world.canary(CELL, "account"),
        now=world.now,
    )  # fmt: skip
    for move, outcome in (("prepare", ""), ("send", ""), ("close", ReferralOutcome.CONVICTED)):
        take_step(
            actor=clerk, lifecycle=REFERRAL, act_id=referral_id, transition=move, now=world.now,
            event=Event(happened_at=world.now, proof=proof, outcome=outcome, file=_file(world, "referral")),
        )  # fmt: skip


def _close_sheet(world: World) -> None:
    clerk, sheet_id = _person(world, Role.JUDICIAL_OFFICER), world.sheet_ids[CELL]
    proof = world.canary(CELL, "proof-of-sheet")
    judicial.amend_sheet(
        actor=clerk, sheet_id=sheet_id, body="TRACFIN", summary=world.canary(CELL, "assessment"),
        now=world.now,
    )  # fmt: skip
    for move in ("prepare", "send", "acknowledge"):
        take_step(
            actor=clerk, lifecycle=SHEET, act_id=sheet_id, transition=move, now=world.now,
            event=Event(happened_at=world.now, proof=proof, file=_file(world, "sheet")),
        )  # fmt: skip


def _close_measure(world: World) -> None:
    """Address, second, send, execute and withdraw a measure; its recommendation is answered."""
    officer, measure_id = _person(world, Role.MEASURES_OFFICER), world.measure_ids[CELL]
    author = actor_for(
        user=User.objects.get(username=f"colleague-{CELL}"), now=world.now, motive="walk"
    )
    asked = _asked(author, measure_id)
    proof = Sending(
        happened_at=world.now,
        proof=world.canary(CELL, "proof-of-measure"),
        file=_file(world, "measure"),
    )
    told = Sending(
        happened_at=world.now - timedelta(days=2), proof=world.canary(CELL, "first-contact")
    )
    milestones.record_first_contact(
        actor=officer, recipient="abuse@host.example", event=told, now=told.happened_at
    )
    amend_measure(
        actor=author, measure_id=measure_id, targets=asked.targets, non_disclosure=False, now=world.now,
        addressee=Addressee(name=world.canary(CELL, "addressee"), contact="abuse@host.example"),
    )  # fmt: skip
    file = measured.get_measure(actor=author, measure_id=measure_id)
    assert file is not None
    warnings = measured.warnings_on(actor=author, asked=[_as_asked(file.measure)])[measure_id]
    seen = {token for one in warnings for token in one.tokens}
    reason = {"seen": seen, "reason": world.canary(CELL, "despite")} if seen else {}
    if file.measure.state == "DRAFT":
        submit_measure(actor=author, measure_id=measure_id, now=world.now, **reason)
    digest = file.measure.digest
    approve_measure(actor=officer, measure_id=measure_id, digest=digest, now=world.now, **reason)
    milestones.record_sent(actor=officer, measure_id=measure_id, event=proof, now=world.now)
    milestones.record_execution(actor=officer, measure_id=measure_id, event=proof, now=world.now)
    milestones.lift_measure(
        actor=officer, measure_id=measure_id, cause=world.canary(CELL, "cause"), event=proof,
        now=world.now,
    )  # fmt: skip
    answer_recommendation(
        actor=officer, recommendation_id=world.recommendation_ids[CELL],
        verdict=AnswerVerdict.DECLINED, words=world.canary(CELL, "answer"), now=world.now,
    )  # fmt: skip


def _withdraw_lasting(world: World) -> None:
    """Withdraw each blocking, drop each appeal, end each dereferencing: one not ended keeps its words."""
    for cell, appeal_id in world.appeal_ids.items():
        user = User.objects.get(username=f"officer-{cell}")
        record_appeal(
            actor=actor_for(user=user, now=world.now, motive="walk"),
            act_id=appeal_id,
            transition="drop",
            event=Event(happened_at=world.now, proof=world.canary(CELL, "dropping")),
            now=world.now,
        )
        colleague = User.objects.get(username=f"colleague-{'own' if cell == 'sealed' else cell}")
        record_mirror(
            actor=actor_for(user=colleague, now=world.now, motive="walk"),
            act_id=world.mirror_ids[cell],
            transition="withdraw",
            event=Event(happened_at=world.now),
            now=world.now,
        )
    for cell, blocking_id in world.blocking_ids.items():
        name = "own" if cell == "sealed" else cell
        user = User.objects.get(username=f"colleague-{name}")
        step = {
            "actor": actor_for(user=user, now=world.now, motive="walk"),
            "transition": "withdraw",
            "event": Event(happened_at=world.now, reason=world.canary(CELL, "withdrawal")),
            "now": world.now,
        }
        record_blocking(blocking_id=blocking_id, **step)
        record_dereferencing(act_id=world.dereferencing_ids[cell], **step)
        _lift_contested(world, cell)


def _lift_contested(world: World, cell: str) -> None:
    """Lift the dereferencings on a cell's report of which somebody was notified, and restore the addresses."""
    user = User.objects.get(username=f"officer-{cell}")
    officer = actor_for(user=user, now=world.now, motive="walk")
    report_id = world.report_ids[cell]
    found = acts.acts_on(actor=officer, lifecycle=DEREFERENCING, subject_ids=[report_id])[report_id]
    for act_id in [act.id for act in found if "lift" in DEREFERENCING.allowed(act.state)]:
        for transition, outcome in (("lift", LiftOutcome.GONE), ("ask", ""), ("restore", "")):
            proof = world.canary(CELL, f"proof-of-{transition}")
            record_dereferencing(
                actor=officer,
                act_id=act_id,
                transition=transition,
                event=Event(happened_at=world.now, proof=proof, outcome=outcome),
                now=world.now,
            )


def _asked(actor: Actor, measure_id: UUID):
    found = measured.get_measure(actor=actor, measure_id=measure_id)
    assert found is not None
    return found.measure.request


def _as_asked(measure):
    from fanal.measures.domain.warnings import Asked

    return Asked(desk_id=measure.desk_id, report_id=measure.report_id, request=measure.request)


def _converse(world: World) -> None:
    """Let somebody report by the form and write to the desk, which has decided."""
    submission = Submission(
        arrival=Arrival.FORM, format=Format.FORM, body=b"{}", canonical=b"conversation"
    )
    [answer] = receive_reports(actor=public_actor(), submissions=[submission], now=world.now)
    answer_desk(
        actor=public_actor(), lookup_hash=receipt.lookup_hash(answer.code),
        text=world.canary("sealed", "message"), now=world.now,
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE orient_case SET state = 'WITHDRAWN' WHERE report_id = %s", [answer.report_id]
        )


def _hold(world: World) -> None:
    """Place a hold on a report and lift it again."""
    keeper = User.objects.get(username=f"keeper-{CELL}")
    actor = actor_for(user=keeper, now=world.now, motive="walk")
    report_id = world.report_ids[CELL]
    place_hold(actor=actor, report_id=report_id, motive=world.canary(CELL, "hold"), now=world.now)
    lift_holds(actor=actor, report_id=report_id, motive=world.canary(CELL, "lifted"), now=world.now)


def _serve(world: World) -> None:
    """Have two lines on the duty roster that end, a number that was compared, and an annotation of charts."""
    today, word = paris_day(world.now), world.canary(CELL, "duty")
    dated = NewDuty(
        kind=DutyKind.ON, rank=FIRST, person_id=None, name=word, address=f"{word}@duty.test",
        zone="Pacific/Tahiti", weekdays=frozenset(), first_day=today,
        last_day=today + timedelta(days=1), starts=time(8), ends=time(8),
    )  # fmt: skip
    weekly = replace(dated, kind=DutyKind.WEEKLY, weekdays=frozenset({0}), last_day=None)
    add_duty(actor=SYSTEM, desk_id=1, line=dated, now=world.now)
    line_id = add_duty(actor=SYSTEM, desk_id=1, line=weekly, now=world.now)
    end_duty(actor=SYSTEM, desk_id=1, line_id=line_id, now=world.now)
    check_number(
        actor=_person(world, Role.ADMINISTRATOR), number="3018", verdict=LineVerdict.CHECKED,
        source=world.canary(CELL, "source"), now=world.now,
    )  # fmt: skip
    write_annotation(
        actor=_person(world, Role.SUPERVISOR), kind=AnnotationKind.NOTE, first=today, last=today,
        words=world.canary(CELL, "annotation"), now=world.now,
    )  # fmt: skip


def years_ahead(world: World, years: int) -> datetime:
    """Return an instant so many years after the world was made."""
    return world.now.replace(year=world.now.year + years) + timedelta(days=1)
