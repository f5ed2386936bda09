"""Removal requests: one for each host of a decision, amended until another person approves it."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from django.db import transaction

from fanal import reference
from fanal.casework import operations as casework, queries as acts
from fanal.casework.domain.records import Act, ActDraft, Addressee, Event, Opening
from fanal.db import sql
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import paris_day
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.measures.domain.drafting import RequestDraft, check_addressee, draft_requests, targets_of
from fanal.measures.domain.letters import canonical_bytes, read_request
from fanal.measures.domain.records import MeasureKind, MeasureState, Request
from fanal.measures.domain.warnings import Asked, check_warned, target_key
from fanal.measures.models import StoredRequest, StoredTarget
from fanal.measures.operations import issuing
from fanal.measures.queries import warnings_on
from fanal.measures.removal.kind import REMOVAL
from fanal.orient import operations as orient
from fanal.orient.domain.records import Decision, Track

_WAITING = frozenset({MeasureState.DRAFT, MeasureState.TO_SECOND})
_LOCK = 7310421
"""First half of the advisory locks that approvals take, one for each host."""


def open_from_decision(
    *,
    actor: Actor,
    opening: Opening,
    now: datetime,
) -> tuple[UUID, ...]:
    """Draft one removal request for each host of a report; return the measures' ids.

    A draft whose addressee is complete in the opening goes to its second person at once, unless a
    warning stands: then a person submits it, and says why.
    Called in the transaction of the decision, by `casework.operations.record_decision`.

    Raises:
        Refusal: MEASURES_CLOSED (no basis of the decision opens a measure), NO_TARGET, ADDRESSEE_UNREADABLE.
        Refused: the actor may not propose a measure at that desk.
    """
    decision = opening.decision
    if decision.author_id != actor.person_id or Track.MEASURES not in decision.tracks:
        raise Refusal("measure", "NOT_THE_DECISION")
    drafts = draft_requests(
        bases=decision.bases,
        targets=targets_of(opening.report),
        catalogue=reference.load(),
        on=paris_day(now),
        addressees=opening.addressees,
    )
    with transaction.atomic():
        return tuple(
            _open(actor, decision, draft, level=opening.level, now=now) for draft in drafts
        )


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
        Refusal: GROUND_GONE (what may have left stays as it was signed), ADDRESSEE_UNREADABLE, NO_TARGET,
            FOREIGN_TARGET (an address that the measure did not hold).
        TransitionRefused: it was sent already.
    """
    check_addressee(addressee)
    kept = tuple(dict.fromkeys(targets))

    def amended(content: bytes) -> bytes:
        before = read_request(content)
        if not kept or not set(kept) <= set(before.targets):
            raise Refusal("measure", "FOREIGN_TARGET" if kept else "NO_TARGET")
        request = msgspec.structs.replace(
            before,
            revision=before.revision + 1,
            addressee=addressee,
            targets=kept,
            non_disclosure=non_disclosure,
        )
        return canonical_bytes(request, issuer=issuing.current())

    with transaction.atomic():
        revision = casework.amend_act(
            actor=actor,
            lifecycle=REMOVAL,
            act_id=measure_id,
            addressee=addressee.kind,
            amend=amended,
            now=now,
        )
        _note_targets(measure_id, revision, kept)
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
        Refusal: GROUND_GONE, ADDRESSEE_INCOMPLETE, ALREADY_JUDGED (refused: change it first),
            WARNINGS_CHANGED, NO_REASON, TEXT_UNREADABLE.
        TransitionRefused: it is no draft.
    """
    casework.take_step(
        actor=actor,
        lifecycle=REMOVAL,
        act_id=measure_id,
        transition="submit",
        event=Event(happened_at=now),
        before=_warned(actor, seen=seen, reason=reason),
        now=now,
    )


def approve_measure(
    *,
    actor: Actor,
    measure_id: UUID,
    digest: bytes,
    now: datetime,
    seen: Collection[str] = (),
    reason: str = "",
) -> None:
    """Approve a measure. `digest` is that of the bytes the person read (`Measure.digest`).

    Where warnings stand, `seen` are the tokens of those that the person was shown, and `reason` says why it
    is approved all the same; both stay with the approval.

    Raises:
        Refusal: GROUND_GONE, OWN_BYTES, NOT_WAITING, GRANTED_BY_PROPOSER, BYTES_CHANGED, WARNINGS_CHANGED,
            NO_REASON, TEXT_UNREADABLE.
        Refused: the actor proposed it, or may not approve at that desk.
    """
    warned = _warned(actor, seen=seen, reason=reason)

    def before(act: Act, event: Event) -> Event:
        _hold_host(act.id)
        return warned(act, event)

    with transaction.atomic():
        report_id = casework.approve_act(
            actor=actor, lifecycle=REMOVAL, act_id=measure_id, digest=digest, now=now, before=before
        )
        _settle(actor, report_id, now=now)


def refuse_measure(
    *, actor: Actor, measure_id: UUID, digest: bytes, reason: str, now: datetime
) -> None:
    """Send a measure back to its proposer, with a reason.

    Raises:
        Refusal, Refused: as `casework.operations.refuse_act`.
    """
    casework.refuse_act(
        actor=actor, lifecycle=REMOVAL, act_id=measure_id, digest=digest, reason=reason, now=now
    )


def withdraw_measure(*, actor: Actor, measure_id: UUID, cause: str, now: datetime) -> None:
    """Give a measure up; whoever it was sent to must be told by the person who does so.

    Raises:
        Refusal: TEXT_UNREADABLE, also for the cause that only a new decision has.
        TransitionRefused: it was executed or ended already.
    """
    with transaction.atomic():
        report_id = casework.take_step(
            actor=actor,
            lifecycle=REMOVAL,
            act_id=measure_id,
            transition="withdraw",
            event=Event(happened_at=now, reason=cause),
            now=now,
        )
        _settle(actor, report_id, now=now)


def _open(
    actor: Actor, decision: Decision, draft: RequestDraft, *, level: str, now: datetime
) -> UUID:
    request = Request(
        measure_id=new_id(now),
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
    measure_id = casework.open_act(
        actor=actor,
        lifecycle=REMOVAL,
        draft=ActDraft(
            id=request.measure_id,
            desk_id=decision.desk_id,
            subject_id=decision.report_id,
            report_ids=(decision.report_id,),
            decision_id=decision.id,
            addressee=draft.addressee.kind,
            basis=msgspec.json.encode(decision.bases),
            level=level,
            content=canonical_bytes(request, issuer=issuing.current()),
        ),
        now=now,
    )
    _note_targets(measure_id, 1, draft.targets)
    asked = Asked(desk_id=decision.desk_id, report_id=decision.report_id, request=request)
    if draft.addressee.complete and not warnings_on(actor=actor, asked=[asked]).get(measure_id):
        submit_measure(actor=actor, measure_id=measure_id, now=now)
    return measure_id


def _note_targets(measure_id: UUID, revision: int, targets: Sequence[str]) -> None:
    """Keep the keys of what a revision asks: other measures on the same addresses are found by them."""
    StoredTarget.objects.bulk_create(
        StoredTarget(key=key, measure_id=measure_id, revision=revision)
        for key in sorted({target_key(address) for address in targets})
    )


def _warned(actor: Actor, *, seen: Collection[str], reason: str) -> casework.Before:
    """Return what keeps with a step the warnings that stand then, and why the person goes on."""

    def before(act: Act, event: Event) -> Event:
        content = acts.contents_of(acts=[act])[act.id]
        asked = Asked(desk_id=act.desk_id, report_id=act.subject_id, request=read_request(content))
        found = warnings_on(actor=actor, asked=[asked]).get(act.id, ())
        return msgspec.structs.replace(
            event,
            warnings=tuple(msgspec.to_builtins(found)),
            reason=check_warned(found, seen=seen, reason=reason),
        )

    return before


def _hold_host(measure_id: UUID) -> None:
    """Let one approval after the other look at a host: each sees what the one before approved."""
    host = StoredRequest.objects.values_list("host", flat=True).get(act_id=measure_id)
    sql.run("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_LOCK, host])


def _settle(actor: Actor, report_id: UUID, *, now: datetime) -> None:
    """Tell orient when no measure of a report waits any more for its second person."""
    found = acts.acts_on(actor=actor, lifecycle=REMOVAL, subject_ids=[report_id])
    if not any(act.state in _WAITING for act in found.get(report_id, ())):
        orient.settle_case(actor=actor, report_id=report_id, now=now)
