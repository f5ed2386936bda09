"""Drafting: one request for each host of a decision, amended until somebody else seconds it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from django.db import transaction

from fanal import reference
from fanal.accounts.domain.policy import Resource, require
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import paris_day
from fanal.kernel.ids import new_id
from fanal.ledger import operations as ledger
from fanal.measures.domain.drafting import (
    Draft,
    MeasureRefused,
    Target,
    check_addressee,
    draft_requests,
)
from fanal.measures.domain.letters import canonical_bytes, digest_of
from fanal.measures.domain.records import Addressee, Event, MeasureKind, Request
from fanal.measures.domain.warnings import check_warned, target_key
from fanal.measures.models import StoredMeasure, StoredTarget
from fanal.measures.operations import issuing
from fanal.measures.operations.moving import (
    REPLACED,
    advance,
    locked,
    locked_on_ground,
    refs,
    settle_if_done,
    warnings_at,
)
from fanal.orient.domain.records import Decision, Track


def open_from_decision(
    *,
    actor: Actor,
    decision: Decision,
    targets: Sequence[Target],
    level: str,
    now: datetime,
    addressees: Mapping[str, Addressee] | None = None,
) -> tuple[UUID, ...]:
    """Draft one removal request for each host among `targets`; return the measures' ids.

    A draft whose addressee is complete in `addressees` (by host) goes to its second person at once, unless a
    warning stands: then a person submits it, and says why.
    Called in the transaction of the decision, by `judicial.operations.record_decision`.

    Raises:
        MeasureRefused: MEASURES_CLOSED (no basis of the decision opens a measure), NO_TARGET,
            ADDRESSEE_UNREADABLE.
        Refused: the actor may not propose a measure at that desk.
    """
    require(actor, "measure.propose", Resource(desk_id=decision.desk_id))
    if decision.author_id != actor.person_id or Track.MEASURES not in decision.tracks:
        raise MeasureRefused("NOT_THE_DECISION")
    drafts = draft_requests(
        bases=decision.bases,
        targets=targets,
        catalogue=reference.load(),
        on=paris_day(now),
        addressees=addressees or {},
    )
    with transaction.atomic():
        return tuple(_open(actor, decision, draft, level=level, now=now) for draft in drafts)


def amend_measure(
    *,
    actor: Actor,
    measure_id: UUID,
    addressee: Addressee,
    targets: Sequence[str],
    non_disclosure: bool,
    now: datetime,
) -> int:
    """Change what a measure asks and return its new revision: a draft again, any approval void.

    Raises:
        MeasureRefused: GROUND_GONE (what may have left stays as it was signed), ADDRESSEE_UNREADABLE,
            NO_TARGET, FOREIGN_TARGET (an address that the measure did not hold).
        TransitionRefused: it was sent already.
    """
    with transaction.atomic():
        row = locked_on_ground(actor, measure_id, right="measure.propose")
        before = row.asked()
        kept = tuple(dict.fromkeys(targets))
        check_addressee(addressee)
        if not kept:
            raise MeasureRefused("NO_TARGET")
        if not set(kept) <= set(before.targets):
            raise MeasureRefused("FOREIGN_TARGET")
        revision = row.revision + 1
        request = msgspec.structs.replace(
            before,
            revision=revision,
            addressee=addressee,
            targets=kept,
            non_disclosure=non_disclosure,
        )
        content = canonical_bytes(request, issuer=issuing.current())
        advance(
            actor,
            row,
            "amend",
            now=now,
            fields={
                "request": content,
                "digest": digest_of(content),
                "revision": revision,
                "author_id": actor.person_id,
            },
        )
        _note_targets(row, request)
    return revision


def submit_measure(
    *,
    actor: Actor,
    measure_id: UUID,
    now: datetime,
    seen: Collection[str] = (),
    reason: str = "",
) -> None:
    """Hand a draft to its second person.

    Where warnings stand, `seen` are the tokens of those that the person was shown, and `reason` says why it
    is submitted all the same.

    Raises:
        MeasureRefused: GROUND_GONE, ADDRESSEE_INCOMPLETE, ALREADY_JUDGED (refused: change it first),
            WARNINGS_CHANGED, NO_REASON, TEXT_UNREADABLE.
        TransitionRefused: it is no draft.
    """
    with transaction.atomic():
        row = locked_on_ground(actor, measure_id, right="measure.propose")
        _check_ready(row)
        warnings = warnings_at(actor, row)
        cause = check_warned(warnings, seen=seen, reason=reason)
        _submit(actor, row, Event(happened_at=now, warnings=warnings), cause=cause)


def withdraw_measure(*, actor: Actor, measure_id: UUID, cause: str, now: datetime) -> None:
    """Give a measure up; whoever it was sent to must be told by the person who does so.

    Raises:
        MeasureRefused: TEXT_UNREADABLE, also for the cause that only a new decision has.
        TransitionRefused: it was executed or ended already.
    """
    if cause.strip() == REPLACED:
        raise MeasureRefused("TEXT_UNREADABLE")
    with transaction.atomic():
        row = locked(actor, measure_id, right="measure.propose")
        advance(actor, row, "withdraw", now=now, cause=cause)
        settle_if_done(actor, row.report_id, now=now)


def _open(actor: Actor, decision: Decision, draft: Draft, *, level: str, now: datetime) -> UUID:
    measure_id = new_id(now)
    request = Request(
        measure_id=measure_id,
        revision=1,
        kind=MeasureKind.REMOVAL,
        addressee=draft.addressee,
        host=draft.host,
        targets=draft.targets,
        basis=draft.basis,
        basis_entry=draft.basis_entry,
        offence=draft.offence,
        offence_entry=draft.offence_entry,
    )
    content = canonical_bytes(request, issuer=issuing.current())
    row = StoredMeasure.objects.create(
        id=measure_id,
        desk_id=decision.desk_id,
        report_id=decision.report_id,
        decision_id=decision.id,
        kind=MeasureKind.REMOVAL,
        host=draft.host,
        level=level,
        request=content,
        digest=digest_of(content),
        proposer_id=actor.person_id,
        author_id=actor.person_id,
        created_at=now,
    )
    ledger.record(actor=actor, action="measure.propose", at=now, objects=refs(row))
    _note_targets(row, request)
    if draft.addressee.complete and not warnings_at(actor, row):
        _submit(actor, row, Event(happened_at=now))
    return measure_id


def _note_targets(row: StoredMeasure, request: Request) -> None:
    """Keep the keys of what a revision asks: other measures on the same addresses are found by them."""
    StoredTarget.objects.bulk_create(
        StoredTarget(key=key, measure_id=row.id, revision=request.revision)
        for key in sorted({target_key(address) for address in request.targets})
    )


def _check_ready(row: StoredMeasure) -> None:
    if not row.asked().addressee.complete:
        raise MeasureRefused("ADDRESSEE_INCOMPLETE")
    # A refused revision never comes back: what is submitted next must be another one.
    if row.approvals.filter(revision=row.revision).exists():
        raise MeasureRefused("ALREADY_JUDGED")


def _submit(actor: Actor, row: StoredMeasure, event: Event, *, cause: str = "") -> None:
    at = event.happened_at
    advance(actor, row, "submit", now=at, event=event, cause=cause)
