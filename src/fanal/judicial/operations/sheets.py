"""Intelligence sheets: drafted by the system when a person asks, amended and sent by judicial officers."""

import hashlib
from datetime import datetime
from uuid import UUID

import msgspec
from django.db import transaction

from fanal import reference
from fanal.accounts.domain.policy import Resource, require
from fanal.analyse.domain.payers import Payer
from fanal.judicial.domain.records import Event
from fanal.judicial.domain.sheets import (
    ADDRESSEES,
    SHEET_PROOF_NEEDED,
    SHEET_STATES,
    SheetFacts,
    SheetReport,
    SheetState,
)
from fanal.judicial.models import SheetWords, StoredSheet, StoredSheetStep
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import paris_day
from fanal.kernel.ids import new_id
from fanal.ledger import operations as ledger
from fanal.ledger.operations import ObjectRef, keyed_digest
from fanal.orient.domain.deciding import UNSTORABLE
from fanal.reference import Body

MAX_WORDS = 20_000
MAX_SHEET_PROOF = 2000


class SheetUnknown(Exception):
    """No such sheet."""


class SheetRefused(Exception):
    """An act on a sheet breaks a rule; `code` names it (label kind `sheet_refusal`)."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


def draft_sheet(
    *,
    actor: Actor,
    payer: Payer,
    reports: tuple[SheetReport, ...],
    linked: tuple[SheetReport, ...],
    body: str,
    now: datetime,
) -> UUID:
    """Draft a sheet on a payer as known now, and return its id.

    Raises:
        SheetRefused: UNKNOWN_BODY; NOT_SUSPECTED, no typology reaches what is worth showing.
        Refused: the actor may not decide at that desk.
    """
    require(actor, "report.decide", Resource(desk_id=payer.desk_id))
    if not payer.score.suspected:
        raise SheetRefused("NOT_SUSPECTED")
    _require_body(body, now)
    facts = msgspec.json.encode(
        SheetFacts(
            payer=payer.payer, score=payer.score, reports=reports, linked=linked, drafted_at=now
        )
    )
    with transaction.atomic():
        row = StoredSheet.objects.create(
            id=new_id(now),
            desk_id=payer.desk_id,
            payer=payer.payer,
            report_ids=[report.report_id for report in reports],
            body=body,
            digest=hashlib.sha256(facts).digest(),
            author_id=actor.person_id,
            created_at=now,
        )
        SheetWords.objects.create(sheet_id=row.id, facts=facts)
        ledger.record(actor=actor, action="sheet.draft", at=now, objects=_refs(row))
    return row.id


def amend_sheet(*, actor: Actor, sheet_id: UUID, body: str, summary: str, now: datetime) -> None:
    """Change addressee and words of a sheet that was not sent; it is a draft again.

    Raises:
        SheetRefused: UNKNOWN_BODY, TEXT_UNREADABLE.
        TransitionRefused: it was sent or withdrawn.
        Refused: the actor writes no referrals at that desk.
    """
    if len(summary) > MAX_WORDS or UNSTORABLE.search(summary):
        raise SheetRefused("TEXT_UNREADABLE")
    _require_body(body, now)
    with transaction.atomic():
        row = _locked(actor, sheet_id)
        row.body = body
        SHEET_STATES.apply(SheetState(row.state), "amend")  # or the words are kept as sent
        SheetWords.objects.filter(sheet_id=row.id).update(summary=summary.strip())
        _advance(actor, row, "amend", event=Event(happened_at=now), now=now)


def move_sheet(*, actor: Actor, sheet_id: UUID, move: str, event: Event, now: datetime) -> None:
    """Record a move of `domain.sheets.SHEET_STATES`: prepare, send, acknowledge, withdraw.

    Raises:
        SheetRefused: EVENT_IN_FUTURE, TEXT_UNREADABLE, NO_PROOF; NO_WORDS, preparing without an
            officer's own assessment: no sheet leaves as a machine's word alone.
        TransitionRefused: the table holds no such move; `amend` has an operation of its own.
        Refused: the actor writes no referrals at that desk.
    """
    if event.happened_at > now:
        raise SheetRefused("EVENT_IN_FUTURE")
    if len(event.proof) > MAX_SHEET_PROOF or UNSTORABLE.search(event.proof):
        raise SheetRefused("TEXT_UNREADABLE")
    if move in SHEET_PROOF_NEEDED and not event.proof.strip():
        raise SheetRefused("NO_PROOF")
    with transaction.atomic():
        row = _locked(actor, sheet_id)
        told = SheetWords.objects.filter(sheet_id=row.id).exclude(summary="")
        if move == "prepare" and not told.exists():
            raise SheetRefused("NO_WORDS")
        _advance(actor, row, move, event=event, now=now)


def record_download(*, actor: Actor, sheet_id: UUID, format_: str, now: datetime) -> None:
    """Note that a sheet left the screen as a file, before it does.

    Raises:
        Refused: the actor reads no referrals at that desk.
    """
    row = StoredSheet.objects.filter(id=sheet_id).first()
    if row is None:
        raise SheetUnknown(str(sheet_id))
    require(actor, "referral.read", Resource(desk_id=row.desk_id))
    ledger.record(
        actor=actor,
        action="sheet.export",
        at=now,
        objects=_refs(row),
        detail={"format": format_},
        motive=actor.motive or "SHEET",
    )


def _require_body(body: str, now: datetime) -> None:
    known = reference.load().by_code(Body, body, paris_day(now))
    if body not in ADDRESSEES or known is None:
        raise SheetRefused("UNKNOWN_BODY")


def _locked(actor: Actor, sheet_id: UUID) -> StoredSheet:
    row = StoredSheet.objects.select_for_update(no_key=True).filter(id=sheet_id).first()
    if row is None:
        raise SheetUnknown(str(sheet_id))
    require(actor, "referral.write", Resource(desk_id=row.desk_id))
    return row


def _advance(actor: Actor, row: StoredSheet, name: str, *, event: Event, now: datetime) -> None:
    """Take a step; PostgreSQL writes state, addressee and instant from it (`judicial_sheet_step_take`)."""
    source = SheetState(row.state)
    StoredSheetStep.objects.create(
        id=new_id(now),
        sheet_id=row.id,
        move=name,
        source=source,
        target=SHEET_STATES.apply(source, name),
        actor_id=actor.person_id,
        happened_at=event.happened_at,
        recorded_at=now,
        body=row.body,
        proof=event.proof,
    )
    ledger.record(
        actor=actor,
        action="sheet.send" if name == "send" else "sheet.step",
        at=now,
        objects=_refs(row),
        detail={"move": name},
        motive=actor.motive or "SHEET",
    )


def _refs(row: StoredSheet) -> list[ObjectRef]:
    digest = keyed_digest(kind="sheet", object_id=row.id, content=bytes(row.digest))
    reports = [ObjectRef(kind="report", id=report_id) for report_id in row.report_ids[:50]]
    return [*reports, ObjectRef(kind="sheet", id=row.id, digest=digest)]
