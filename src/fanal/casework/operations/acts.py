"""Operations on official acts of every kind: creation, amendment, transitions, export, withdrawal."""

from collections.abc import Callable, Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from msgspec import structs

from fanal.accounts.domain.policy import Resource, allows, require
from fanal.casework.domain.lifecycle import (
    AMEND,
    APPROVE,
    BY_DECISION,
    REFUSE,
    REPLACED,
    UNDONE,
    WITHDRAW,
    Lifecycle,
    Requirement,
)
from fanal.casework.domain.proofs import MAX_FILE
from fanal.casework.domain.records import ActDraft, Event
from fanal.casework.models import Act, Document
from fanal.casework.operations.locking import (
    ActUnknown,
    Before,
    content_of,
    lock_act,
    objects_of,
    step,
)
from fanal.kernel.actors import Actor
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.kernel.states import TransitionRefused
from fanal.kernel.texts import stripped
from fanal.ledger import operations as ledger
from fanal.orient import queries as oriented
from fanal.orient.domain.deciding import UNSTORABLE

MAX_PROOF = 2000
_OWN_OPERATIONS = frozenset({AMEND, APPROVE, REFUSE})

__all__ = [
    "MAX_PROOF",
    "ActUnknown",
    "Before",
    "amend_act",
    "open_act",
    "record_caused",
    "record_export",
    "take_step",
    "withdraw_replaced",
    "withdraw_undone",
]


def open_act(*, actor: Actor, lifecycle: Lifecycle, draft: ActDraft, now: datetime) -> UUID:
    """Create the official act of `draft` in its initial state, with revision 1 of its document.

    `lifecycle` is the kind of act. Return the act's id.

    Raises:
        Refused: the actor may not propose such acts at that desk.
    """
    require(actor, lifecycle.proposes, Resource(desk_id=draft.desk_id))
    with transaction.atomic():
        row = Act.objects.create(
            id=draft.id or new_id(now),
            kind=lifecycle.kind,
            desk_id=draft.desk_id,
            subject_id=draft.subject_id,
            report_ids=list(draft.report_ids),
            decision_id=draft.decision_id,
            state=lifecycle.initial,
            addressee=draft.addressee,
            basis=draft.basis,
            level=draft.level,
            author_id=actor.person_id,
            created_at=now,
        )
        _write(actor, row, draft.content, now)
        ledger.record(
            actor=actor,
            action=f"{row.kind}.{lifecycle.drafts}",
            at=now,
            objects=objects_of(lifecycle, row),
        )
    return row.id


def amend_act(
    *,
    actor: Actor,
    lifecycle: Lifecycle,
    act_id: UUID,
    amend: Callable[[bytes], bytes],
    now: datetime,
    addressee: str | None = None,
) -> int:
    """Add a revision to an unsent official act and return its number; the act becomes a draft again.

    `lifecycle` is the kind of act. `amend` computes the new document from the current one. Without
    `addressee` the addressee does not change.

    Raises:
        ActUnknown: no act of that kind has this id.
        Refusal: GROUND_GONE (the kind requires a decision in force), EXPIRED (the document was erased).
        TransitionRefused: the act's state allows no amendment.
        Refused: the actor may not amend it.
    """
    with transaction.atomic():
        requirement = lifecycle.requirements[AMEND]
        row, in_force = lock_act(actor, lifecycle, act_id, right=requirement.right)
        if requirement.in_force and not in_force:
            raise Refusal(lifecycle.kind, "GROUND_GONE")
        lifecycle.target(row.state, AMEND)
        present = content_of(row)
        if present is None:
            raise Refusal(lifecycle.kind, "EXPIRED")
        row.addressee, row.revision = addressee or row.addressee, row.revision + 1
        _write(actor, row, amend(present), now)
        step(actor, lifecycle, row, AMEND, event=Event(happened_at=now), now=now)
    return row.revision


def take_step(
    *,
    actor: Actor,
    lifecycle: Lifecycle,
    act_id: UUID,
    transition: str,
    event: Event,
    now: datetime,
    before: Before | None = None,
) -> UUID:
    """Record a transition of an official act, with date, reason and proof; return its `subject_id`.

    `lifecycle` is the kind of act, `transition` a name in it, such as `send`; `event` holds the facts to
    record. `before(act, event)` is a check that the kind of act adds, called in the same transaction after
    all others: it refuses, or returns the completed event.

    Raises:
        ActUnknown: no act of that kind has this id.
        Refusal: EVENT_IN_FUTURE (dated after `now`), EVENT_TOO_EARLY (before the step that it follows),
            TEXT_UNREADABLE (a text is too long, or has a NUL or lone surrogate), NO_PROOF (the step needs a
            text or file as proof), FILE_EMPTY (the proof is an empty file), FILE_TOO_LARGE (over 10 MB),
            UNKNOWN_OUTCOME (the step has no such outcome), GROUND_GONE (its decision is no longer in force),
            GROUND_STANDS (its decision still is), ALREADY_SENT (its sending is recorded), NOT_APPROVED (no
            second person approved it), ALREADY_JUDGED (amend it first), EXPIRED (its document was erased), or
            the code of the element that the document lacks.
        TransitionRefused: its state allows no such transition, or the transition has its own operation.
        Refused: the actor may not make this transition.
        OSError: the proof's file could not be sealed; nothing is recorded.
    """
    requirement = lifecycle.requirements.get(transition)
    if requirement is None or transition in _OWN_OPERATIONS:
        raise TransitionRefused(lifecycle.states.name, "any state", transition)
    if code := _wrong_event(requirement, event, now):
        raise Refusal(lifecycle.kind, code)
    with transaction.atomic():
        row, in_force = lock_act(actor, lifecycle, act_id, right=requirement.right)
        if requirement.in_force and not in_force:
            raise Refusal(lifecycle.kind, "GROUND_GONE")
        lifecycle.target(row.state, transition)  # raises TransitionRefused
        if requirement.lapsed:
            event = structs.replace(event, lapsed_at=_lapsed_at(actor, row, in_force=in_force))
        if code := _not_ready(lifecycle, transition, row) or _too_early(requirement, row, event):
            raise Refusal(lifecycle.kind, code)
        event = before(row.record(), event) if before else event
        step(actor, lifecycle, row, transition, event=event, now=now)
    return row.subject_id


def record_caused(
    *,
    actor: Actor,
    lifecycle: Lifecycle,
    act_id: UUID,
    transition: str,
    event: Event,
    now: datetime,
) -> bool:
    """Record a transition that another operation causes, in its transaction; return whether it was recorded.

    `lifecycle` is the kind of act, `event` holds the facts to record. The actor needs the right to the
    transition, or one of the rights that its requirement lists for such operations (`Requirement.also`). It
    is not recorded if the act's state no longer allows it. A person without write access to the act, such as
    an overseer, takes no lock: the database refuses the transition if the state changes meanwhile.

    Raises:
        ActUnknown: no act of that kind has this id.
        Refused: the actor holds none of these rights.
    """
    rows = Act.objects.filter(id=act_id, kind=lifecycle.kind)
    row = rows.select_for_update(no_key=True).first() or rows.first()
    if row is None:
        raise ActUnknown(str(act_id))
    requirement = lifecycle.requirements[transition]
    place = Resource(desk_id=row.desk_id, owner_id=row.author_id)
    held = [right for right in requirement.also if allows(actor, right, place).allowed]
    if not held:
        require(actor, requirement.right, place)
    if transition not in lifecycle.allowed(row.state):
        return False
    step(actor, lifecycle, row, transition, event=event, now=now)
    return True


def record_export(
    *, actor: Actor, lifecycle: Lifecycle, act_id: UUID, format_: str, now: datetime
) -> None:
    """Record in the ledger that the actor exports an official act; call it before the file is served.

    `lifecycle` is the kind of act, `format_` the code of the file's format.

    Raises:
        ActUnknown: no act of that kind has this id.
        Refused: the actor may not read such acts at that desk.
    """
    row = Act.objects.filter(id=act_id, kind=lifecycle.kind).first()
    if row is None:
        raise ActUnknown(str(act_id))
    require(actor, lifecycle.reads, Resource(desk_id=row.desk_id))
    ledger.record(
        actor=actor,
        action=f"{row.kind}.export",
        at=now,
        objects=objects_of(lifecycle, row),
        detail={"format": format_},
        motive=actor.motive or row.kind.upper(),
    )


def has_acts(*, report_id: UUID) -> bool:
    """Return whether any official act is about the report, or ever was.

    For the transaction of a decision, which holds the lock on the report's queue row.
    """
    return Act.objects.filter(subject_id=report_id).exists()


def withdraw_replaced(
    *,
    actor: Actor,
    lifecycles: Iterable[Lifecycle],
    report_id: UUID,
    decision_id: UUID,
    now: datetime,
) -> None:
    """Withdraw the unsent official acts that earlier decisions on a report opened.

    `lifecycles` are the kinds of act. Called in the transaction of the new decision `decision_id`, which
    holds the lock on the report's queue row.

    Raises:
        Refused: the actor may not propose such acts at that desk.
    """
    for lifecycle in lifecycles:
        rows = _opened_on(lifecycle, report_id).filter(state__in=lifecycle.unsent)
        earlier = rows.filter(decision_id__isnull=False).exclude(decision_id=decision_id)
        _withdraw(actor, lifecycle, earlier, reason=REPLACED, now=now)


def withdraw_undone(
    *,
    actor: Actor,
    lifecycles: Iterable[Lifecycle],
    report_id: UUID,
    decision_id: UUID,
    now: datetime,
) -> int:
    """Withdraw the official acts that the decision `decision_id` on a report opened; return their number.

    `lifecycles` are the kinds of act. Called in the transaction that undoes the decision, which holds the
    lock on the report's queue row.

    Raises:
        Refusal: ALREADY_SENT: one of them was sent; none is withdrawn.
        Refused: the actor may not propose such acts at that desk.
    """
    count = 0
    for lifecycle in lifecycles:
        rows = _opened_on(lifecycle, report_id).filter(decision_id=decision_id)
        if rows.filter(sent_at__isnull=False).exists():
            raise Refusal("decision", "ALREADY_SENT")
        unsent = rows.filter(state__in=lifecycle.unsent)
        count += _withdraw(actor, lifecycle, unsent, reason=UNDONE, now=now)
    return count


def _opened_on(lifecycle: Lifecycle, report_id: UUID) -> QuerySet[Act]:
    rows = Act.objects.select_for_update(no_key=True)
    return rows.filter(kind=lifecycle.kind, subject_id=report_id)


def _withdraw(
    actor: Actor, lifecycle: Lifecycle, rows: QuerySet[Act], *, reason: str, now: datetime
) -> int:
    withdrawn = list(rows.order_by("id"))
    for row in withdrawn:
        require(actor, lifecycle.proposes, Resource(desk_id=row.desk_id))
        event = Event(happened_at=now, reason=reason)
        step(actor, lifecycle, row, WITHDRAW, event=event, now=now)
    return len(withdrawn)


def _wrong_event(requirement: Requirement, event: Event, now: datetime) -> str:
    """Return the refusal code of an invalid event (date, texts, proof, outcome), or "" when it is valid.

    `requirement` (of the transition) says whether a proof is needed, and which outcomes exist.
    """
    if event.happened_at > now:
        return "EVENT_IN_FUTURE"
    texts = (event.proof, event.reason)
    feigned = event.reason.strip() in BY_DECISION
    if feigned or any(len(text) > MAX_PROOF or UNSTORABLE.search(text) for text in texts):
        return "TEXT_UNREADABLE"
    if event.file is not None and not 0 < len(event.file.content) <= MAX_FILE:
        return "FILE_TOO_LARGE" if event.file.content else "FILE_EMPTY"
    if requirement.proof and not stripped(event.proof) and event.file is None:
        return "NO_PROOF"
    return "" if event.outcome in (requirement.outcomes or ("",)) else "UNKNOWN_OUTCOME"


def _not_ready(lifecycle: Lifecycle, transition: str, row: Act) -> str:
    """Return the refusal code of the first requirement of a transition that an official act lacks, or "".

    `row` is the act, `lifecycle` its kind. Checked are a complete document, an approval and, before a
    submission for approval, the absence of a verdict on this revision.
    """
    requirement = lifecycle.requirements[transition]
    if requirement.complete:
        present = content_of(row)
        if lacks := "EXPIRED" if present is None else lifecycle.missing(present):
            return lacks
    if requirement.approved and not _is_approved(row):
        return "NOT_APPROVED"
    # One verdict for each revision: a refused document must be amended before it is submitted again.
    waits = APPROVE in lifecycle.allowed(lifecycle.target(row.state, transition))
    judged = waits and row.approvals.filter(revision=row.revision).exists()
    return "ALREADY_JUDGED" if judged else ""


def _too_early(requirement: Requirement, row: Act, event: Event) -> str:
    """Return EVENT_TOO_EARLY if an event is dated before the step that precedes it in its official act.

    "" otherwise. `row` is the act. That step is the act's last one or, for a sending recorded after the basis
    lapsed, its approval. `requirement` is that of the transition. Dates are compared by the minute, the
    precision of forms.
    """
    steps = row.steps.filter(transition=APPROVE) if requirement.lapsed else row.steps.all()
    last = steps.order_by("-db_at").values_list("happened_at", flat=True).first()
    return (
        "EVENT_TOO_EARLY"
        if last and event.happened_at < last.replace(second=0, microsecond=0)
        else ""
    )


def _lapsed_at(actor: Actor, row: Act, *, in_force: bool) -> datetime:
    """Return when the basis of an unsent official act (`row`) lapsed.

    It lapses with the end of its decision or by a withdrawal; the earlier counts. `in_force`: the decision is
    still in force. If no date is known, return the date of the act's creation.

    Raises:
        Refusal: GROUND_STANDS (the basis is still in force), ALREADY_SENT.
    """
    instants = list(row.steps.filter(transition=WITHDRAW).values_list("happened_at", flat=True))
    if in_force and not instants:
        raise Refusal(row.kind, "GROUND_STANDS")
    if row.sent_at is not None:
        raise Refusal(row.kind, "ALREADY_SENT")
    if not in_force and row.decision_id is not None:
        ended = oriented.decision_ended(
            actor=actor, report_id=row.subject_id, decision_id=row.decision_id
        )
        instants += [ended] if ended else []
    # Without any known date the basis counts as lapsed since the act was created.
    return min(instants, default=row.created_at)


def _write(actor: Actor, row: Act, content: bytes, now: datetime) -> None:
    Document.objects.create(
        act_id=row.id,
        revision=row.revision,
        content=content,
        author_id=actor.person_id,
        written_at=now,
    )


def _is_approved(row: Act) -> bool:
    return row.approvals.filter(revision=row.revision, verdict="APPROVED").exists()
