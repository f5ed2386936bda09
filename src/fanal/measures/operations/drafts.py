"""Drafts of removal requests: opening, amendment, submission, approval, refusal, withdrawal."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from django.db import transaction

from fanal import reference
from fanal.casework import queries as acts
from fanal.casework.domain.records import Act, ActDraft, Addressee, Event, Opening
from fanal.casework.operations.acts import Before, amend_act, open_act, take_step
from fanal.casework.operations.approvals import approve_act, refuse_act
from fanal.casework.operations.doubts import raise_doubts
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
from fanal.measures.operations import issuing_authority
from fanal.measures.queries import warnings_on
from fanal.measures.removal.kind import REMOVAL
from fanal.orient.domain.records import Decision, Track
from fanal.orient.operations.decisions import settle_case

_WAITING = frozenset({MeasureState.DRAFT, MeasureState.TO_SECOND})
_LOCK = 7310421
"""First key of the advisory locks that approvals take; the second is the hash of the host name."""


def open_from_decision(
    *,
    actor: Actor,
    opening: Opening,
    now: datetime,
) -> tuple[UUID, ...]:
    """Draft one removal request for each host of a report; return the ids of the measures.

    `opening` holds the decision and its report. A draft with a complete addressee is submitted at once to its
    second person, unless there are warnings: then a person submits it, with a reason.
    `casework.operations.record_decision` calls this in its transaction. In the order of the hosts in the
    report.

    Raises:
        Refusal: NOT_THE_DECISION (the decision is not the actor's, or without measures), MEASURES_CLOSED (no
            basis of the decision allows a measure), NO_TARGET (no address is left), ADDRESSEE_UNREADABLE (a
            letter cannot name the recipient, see `check_addressee`).
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
    """Amend an unsent removal request and return its new revision; it becomes a draft, its approval is void.

    `addressee` is the host, `targets` are the addresses to keep. `non_disclosure`: the host must not inform
    the content provider.

    Raises:
        ActUnknown: no measure has this id.
        Refusal: GROUND_GONE (a request that may already have been sent stays as signed), EXPIRED (its
            document was erased), ADDRESSEE_UNREADABLE (a letter cannot name the recipient, see
            `check_addressee`), NO_TARGET (no address is left), FOREIGN_TARGET (an address that the measure
            did not have).
        TransitionRefused: it was already sent.
        Refused: the actor may not propose measures at that desk.
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
        return canonical_bytes(request, issuer=issuing_authority.current())

    with transaction.atomic():
        revision = amend_act(
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
    """Submit a draft of a removal request for approval by a second person.

    If there are warnings, `seen` are the tokens of the warnings displayed to the actor
    (`MeasureWarning.tokens`), and `reason` says why the actor continues.

    Raises:
        ActUnknown: no measure has this id.
        Refusal: GROUND_GONE (its decision is no longer in force), ADDRESSEE_INCOMPLETE (no name or contact
            point of the recipient), ALREADY_JUDGED (this revision was refused: amend it), EXPIRED (its
            document was erased), WARNINGS_CHANGED (a warning is not in `seen`), NO_REASON (no reason given),
            TEXT_UNREADABLE (a text is too long, or has a NUL or lone surrogate).
        TransitionRefused: it is not a draft.
        Refused: the actor may not propose measures at that desk.
    """
    take_step(
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
    """Approve a removal request as its second person.

    `digest` is that of the bytes read (`Measure.digest`). If there are warnings, `seen` are the tokens of the
    warnings displayed to the actor (`MeasureWarning.tokens`), and `reason` says why the actor continues;
    warnings and reason are kept with the approval.

    Raises:
        ActUnknown: no measure has this id.
        Refusal: GROUND_GONE (its decision is no longer in force), OWN_BYTES (the actor wrote them),
            NOT_WAITING (for approval), GRANTED_BY_PROPOSER (the author alone gave the actor this role),
            BYTES_CHANGED (the document changed since the actor read it), WARNINGS_CHANGED (a warning is not
            in `seen`), NO_REASON (no reason given), TEXT_UNREADABLE (a text is too long, or has a NUL or lone
            surrogate).
        Refused: the actor proposed it, or may not approve at that desk.
    """
    warned = _warned(actor, seen=seen, reason=reason)

    def before(act: Act, event: Event) -> Event:
        _hold_host(act.id)
        return warned(act, event)

    with transaction.atomic():
        report_id = approve_act(
            actor=actor, lifecycle=REMOVAL, act_id=measure_id, digest=digest, now=now, before=before
        )
        _settle(actor, report_id, now=now)


def refuse_measure(
    *, actor: Actor, measure_id: UUID, digest: bytes, reason: str, now: datetime
) -> None:
    """Refuse to approve a removal request, with a reason; it returns to its proposer as a draft.

    `digest` is that of the bytes read (`Measure.digest`); if they have changed since, the call is refused.

    Raises:
        ActUnknown: no such request.
        Refusal: with a code of `casework.operations.refuse_act`, such as BYTES_CHANGED.
        Refused: the actor proposed it, or may not approve requests at that desk.
    """
    refuse_act(
        actor=actor, lifecycle=REMOVAL, act_id=measure_id, digest=digest, reason=reason, now=now
    )


def withdraw_measure(*, actor: Actor, measure_id: UUID, cause: str, now: datetime) -> None:
    """Withdraw a removal request; if it was already sent, the actor must inform the addressee.

    `cause` is the reason, as a code or in the actor's words.

    Raises:
        ActUnknown: no measure has this id.
        Refusal: TEXT_UNREADABLE, also for the cause reserved to withdrawals by a new decision.
        TransitionRefused: it was already executed or has ended.
        Refused: the actor may not propose measures at that desk.
    """
    with transaction.atomic():
        report_id = take_step(
            actor=actor,
            lifecycle=REMOVAL,
            act_id=measure_id,
            transition="withdraw",
            event=Event(happened_at=now, reason=cause),
            now=now,
        )
        raise_doubts(
            actor=actor, report_id=report_id, act_id=measure_id, cause="REMOVAL_ENDED", now=now
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
    measure_id = open_act(
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
            content=canonical_bytes(request, issuer=issuing_authority.current()),
        ),
        now=now,
    )
    _note_targets(measure_id, 1, draft.targets)
    asked = Asked(desk_id=decision.desk_id, report_id=decision.report_id, request=request)
    if draft.addressee.complete and not warnings_on(actor=actor, asked=[asked]).get(measure_id):
        submit_measure(actor=actor, measure_id=measure_id, now=now)
    return measure_id


def _note_targets(measure_id: UUID, revision: int, targets: Sequence[str]) -> None:
    """Store the comparison keys of the addresses (`targets`) that a removal request's revision names.

    The warnings on other removal requests are found by these keys.
    """
    StoredTarget.objects.bulk_create(
        StoredTarget(key=key, measure_id=measure_id, revision=revision)
        for key in sorted({target_key(address) for address in targets})
    )


def _warned(actor: Actor, *, seen: Collection[str], reason: str) -> Before:
    """Return a check (`casework.Before`) that adds the current warnings and the reason to a step's event.

    `seen` are the tokens of the warnings displayed to the actor, `reason` why the actor continues. The
    check raises the refusals of `check_warned`.
    """

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
    """Take an advisory lock on a removal request's host, so that approvals for one host run in turn.

    Each then takes the previous approval into account in its warnings.
    """
    host = StoredRequest.objects.values_list("host", flat=True).get(act_id=measure_id)
    sql.run("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_LOCK, host])


def _settle(actor: Actor, report_id: UUID, *, now: datetime) -> None:
    """Mark a report's case as decided (in `orient`), if none of its removal requests still awaits approval.

    A draft counts as awaiting approval.
    """
    found = acts.acts_on(actor=actor, lifecycle=REMOVAL, subject_ids=[report_id])
    if not any(act.state in _WAITING for act in found.get(report_id, ())):
        settle_case(actor=actor, report_id=report_id, now=now)
