"""Referrals: drafted with the decision, amended and followed by judicial officers."""

from datetime import datetime
from uuid import UUID

import msgspec
from django.db import transaction

from fanal import reference
from fanal.accounts.domain.policy import Resource, require
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.judicial.domain.facts import read_facts
from fanal.judicial.domain.records import Event
from fanal.judicial.domain.states import PROOF_NEEDED, REFERRAL_STATES, ReferralState
from fanal.judicial.models import ReferralText, StoredReferral, StoredStep
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import paris_day
from fanal.kernel.ids import new_id
from fanal.ledger import operations as ledger
from fanal.ledger.operations import ObjectRef, keyed_digest
from fanal.orient import operations as orient
from fanal.orient.domain.deciding import UNSTORABLE
from fanal.orient.domain.records import Decision, Track
from fanal.reference import Body

MAX_SUMMARY = 50_000
MAX_PROOF = 2000
_TOWARDS_SENDING = frozenset({"prepare", "send"})


class ReferralUnknown(Exception):
    """No such referral."""


class ReferralRefused(Exception):
    """An act on a referral breaks a rule; `code` names it (label kind `referral_refusal`)."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


def open_from_decision(
    *, actor: Actor, decision: Decision, report: HarmonisedReport, level: str, now: datetime
) -> UUID:
    """Draft the referral of a decision and return its id (called in the decision's transaction).

    Without a body in the decision, it is addressed to the national office, which may redirect it.

    Raises:
        ReferralRefused: NOT_THE_DECISION.
        Refused: the actor may not decide at that desk.
    """
    require(actor, "report.decide", Resource(desk_id=decision.desk_id))
    if Track.JUDICIAL not in decision.tracks or decision.author_id != actor.person_id:
        raise ReferralRefused("NOT_THE_DECISION")
    with transaction.atomic():
        row = StoredReferral.objects.create(
            id=new_id(now),
            desk_id=decision.desk_id,
            report_id=decision.report_id,
            decision_id=decision.id,
            body=decision.body or "OFMIN",
            bases=msgspec.json.encode(decision.bases),
            level=level,
            author_id=actor.person_id,
            created_at=now,
        )
        ReferralText.objects.create(
            referral_id=row.id, facts=msgspec.json.encode(read_facts(report))
        )
        ledger.record(actor=actor, action="referral.draft", at=now, objects=_refs(row))
    return row.id


def amend_referral(
    *, actor: Actor, referral_id: UUID, body: str, summary: str, now: datetime
) -> None:
    """Change addressee and summary of a referral that was not sent; it is a draft again.

    Raises:
        ReferralRefused: UNKNOWN_BODY, SUMMARY_UNREADABLE.
        TransitionRefused: it was sent.
        Refused: the actor writes no referrals at that desk.
    """
    if len(summary) > MAX_SUMMARY or UNSTORABLE.search(summary):
        raise ReferralRefused("SUMMARY_UNREADABLE")
    if reference.load().by_code(Body, body, paris_day(now)) is None:
        raise ReferralRefused("UNKNOWN_BODY")
    with transaction.atomic():
        row, _ = _locked(actor, referral_id)
        row.body = body
        REFERRAL_STATES.apply(ReferralState(row.state), "amend")  # or the words are kept as sent
        ReferralText.objects.filter(referral_id=row.id).update(summary=summary.strip())
        _advance(actor, row, "amend", event=Event(happened_at=now), now=now)


def move_referral(
    *, actor: Actor, referral_id: UUID, move: str, event: Event, now: datetime
) -> None:
    """Record a move of `domain.states.REFERRAL_STATES`: prepare, send, acknowledge, take_up, return, …

    Raises:
        ReferralRefused: EVENT_IN_FUTURE, TEXT_UNREADABLE, NO_PROOF, UNKNOWN_OUTCOME (closing without one),
            NO_SUMMARY (preparing without an account of the facts), GROUND_GONE (sending it, or preparing to,
            after the report was opened again or decided anew).
        TransitionRefused: the table holds no such move; `amend` has an operation of its own.
        Refused: the actor writes no referrals at that desk.
    """
    if event.happened_at > now:
        raise ReferralRefused("EVENT_IN_FUTURE")
    if len(event.proof) > MAX_PROOF or UNSTORABLE.search(event.proof):
        raise ReferralRefused("TEXT_UNREADABLE")
    if move in PROOF_NEEDED and not event.proof.strip():
        raise ReferralRefused("NO_PROOF")
    if (move == "close") != (event.outcome is not None):
        raise ReferralRefused("UNKNOWN_OUTCOME")
    with transaction.atomic():
        row, stands = _locked(actor, referral_id)
        if move in _TOWARDS_SENDING and not stands:
            raise ReferralRefused("GROUND_GONE")
        told = ReferralText.objects.filter(referral_id=row.id).exclude(summary="")
        if move == "prepare" and not told.exists():
            raise ReferralRefused("NO_SUMMARY")
        _advance(actor, row, move, event=event, now=now)


def withdraw_replaced(*, actor: Actor, report_id: UUID, decision_id: UUID, now: datetime) -> None:
    """Withdraw the referrals that earlier decisions on a report drafted and nobody was sent."""
    rows = StoredReferral.objects.select_for_update(no_key=True).filter(
        report_id=report_id, state__in=(ReferralState.DRAFT, ReferralState.READY)
    )
    for row in rows.exclude(decision_id=decision_id).order_by("id"):
        _advance(actor, row, "withdraw", event=Event(happened_at=now), now=now)


def _locked(actor: Actor, referral_id: UUID) -> tuple[StoredReferral, bool]:
    """Return a referral, locked until the transaction ends, and whether its decision stands."""
    found = StoredReferral.objects.filter(id=referral_id).first()
    if found is None:
        raise ReferralUnknown(str(referral_id))
    # The case first, as a new decision takes it.
    stands = orient.hold_decision(
        actor=actor, report_id=found.report_id, decision_id=found.decision_id
    )
    row = StoredReferral.objects.select_for_update(no_key=True).get(id=referral_id)
    require(actor, "referral.write", Resource(desk_id=row.desk_id))
    return row, stands


def _advance(actor: Actor, row: StoredReferral, name: str, *, event: Event, now: datetime) -> None:
    """Take a step; PostgreSQL writes state, addressee, outcome and instant from it (`judicial_step_take`)."""
    source = ReferralState(row.state)
    StoredStep.objects.create(
        id=new_id(now),
        referral_id=row.id,
        move=name,
        source=source,
        target=REFERRAL_STATES.apply(source, name),
        actor_id=actor.person_id,
        happened_at=event.happened_at,
        recorded_at=now,
        body=row.body,
        outcome=event.outcome.value if event.outcome else "",
        proof=event.proof,
    )
    ledger.record(
        actor=actor,
        action="referral.send" if name == "send" else "referral.step",
        at=now,
        objects=_refs(row),
        detail={"move": name},
        motive=actor.motive or "REFERRAL",
    )


def _refs(row: StoredReferral) -> list[ObjectRef]:
    digest = keyed_digest(kind="referral", object_id=row.id, content=bytes(row.bases))
    return [
        ObjectRef(kind="report", id=row.report_id),
        ObjectRef(kind="referral", id=row.id, digest=digest),
    ]
