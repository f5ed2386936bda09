"""Operations on dereferencings, official acts by which search engines must no longer list addresses.

They are drafted from a removal request, notified to the recipient, checked, lifted and restored.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from django.db import transaction

from fanal import reference
from fanal.accounts.domain.policy import Resource, require
from fanal.casework.domain.letters import Mail
from fanal.casework.domain.records import Act, ActDraft, ActFile, Addressee, AddresseeKind, Event
from fanal.casework.operations.acts import amend_act, open_act, record_export
from fanal.casework.operations.locking import lock_act
from fanal.casework.queries import contents_of
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import paris_day
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.measures.dereferencing import views
from fanal.measures.dereferencing.document import (
    Dereferencing,
    read_dereferencing,
    write_dereferencing,
    write_restoration,
)
from fanal.measures.dereferencing.kind import DEREFERENCING, REASONED
from fanal.measures.dereferencing.rules import check_targets, dereferencing_basis, hours_of
from fanal.measures.domain.drafting import check_provider
from fanal.measures.domain.records import LiftOutcome, Measure, check_rests
from fanal.measures.operations import issuing_authority
from fanal.measures.operations.lasting import (
    LastingSteps,
    check_other,
    erase_ended,
    readable,
    removal_of,
)
from fanal.measures.removal.kind import REMOVAL
from fanal.orient import queries as oriented

_RECIPIENTS = frozenset({AddresseeKind.SEARCH_ENGINE, AddresseeKind.DIRECTORY})


def open_dereferencings(
    *,
    actor: Actor,
    removal_id: UUID,
    recipients: Sequence[Addressee],
    now: datetime,
    reasons: str = "",
) -> tuple[UUID, ...]:
    """Draft a dereferencing of a removal request's addresses for each recipient; return the ids of the acts.

    `recipients` are search engines or directories; one without a contact gets that of the newest act to a
    recipient of the same name. `reasons` is the officer's text. A recipient of an existing act of the request
    (drafted or in force, with all the addresses) gets no second one: the id of that act is returned.

    Raises:
        ActUnknown: no removal request has this id.
        Refusal: a code of `rules.dereferencing_basis`; NO_ADDRESSEE (no recipient, or one that is neither a
            search engine nor a directory), ADDRESSEE_UNREADABLE (a letter cannot name the recipient, see
            `check_addressee`), GROUND_GONE (the decision of the request is no longer in force),
            TEXT_UNREADABLE (a text is too long, or has a NUL or lone surrogate).
        Refused: the actor may not propose dereferencings at that desk.
    """
    removal = removal_of(actor, removal_id)
    require(actor, DEREFERENCING.proposes, Resource(desk_id=removal.desk_id))
    catalogue, today = reference.load(), paris_day(now)
    rule = dereferencing_basis(removal, catalogue=catalogue, on=today)
    if not oriented.decision_stands(
        actor=actor, report_id=removal.report_id, decision_id=removal.decision_id
    ):
        raise Refusal("dereferencing", "GROUND_GONE")
    named = {one.name.casefold(): one for one in recipients if one.name}
    if not named:
        raise Refusal("dereferencing", "NO_ADDRESSEE")
    for recipient in named.values():
        _check_recipient(recipient)
    said = readable(reasons, kind="dereferencing")
    contacts = views.last_contacts(actor=actor, desk_id=removal.desk_id)
    found = []
    with transaction.atomic():
        lock_act(actor, REMOVAL, removal.id, right="measure.read")  # one draft after the other
        present = _open_acts(actor, removal, now)
        for key, recipient in named.items():
            if key in present:
                found.append(present[key])
                continue
            contact = recipient.contact or contacts.get(key, "")
            act = Dereferencing(
                act_id=new_id(now),
                revision=1,
                removal_id=removal.id,
                host=removal.request.host,
                addressee=msgspec.structs.replace(recipient, contact=contact),
                targets=removal.request.targets,
                basis=rule.code,
                basis_entry=rule.entry_id,
                offence=removal.request.offence,
                offence_entry=removal.request.offence_entry,
                hours=hours_of("SEARCH_48H", catalogue=catalogue, on=today),
                again=hours_of("SEARCH_RESTORE_48H", catalogue=catalogue, on=today),
                reasons=said,
            )
            draft = ActDraft(
                id=act.act_id,
                desk_id=removal.desk_id,
                subject_id=removal.report_id,
                report_ids=(removal.report_id,),
                decision_id=removal.decision_id,
                addressee=str(recipient.kind),
                level=removal.level,
                content=_written(act),
            )
            found.append(open_act(actor=actor, lifecycle=DEREFERENCING, draft=draft, now=now))
    return tuple(found)


def _open_acts(actor: Actor, removal: Measure, now: datetime) -> dict[str, UUID]:
    """Return the open acts on all addresses of a removal request, by casefolded name of the recipient."""
    resting = views.list_resting(
        actor=actor, report_id=removal.report_id, removal_id=removal.id, now=now
    )
    opened = {one.act.id: one for one in resting if one.is_open}
    contents = contents_of(acts=[one.act for one in opened.values()])
    return {
        opened[act_id].recipient.casefold(): act_id
        for act_id, content in contents.items()
        if set(read_dereferencing(content).dereferencing.targets) >= set(removal.request.targets)
    }


def amend_dereferencing(
    *,
    actor: Actor,
    act_id: UUID,
    addressee: Addressee,
    targets: Sequence[str],
    reasons: str,
    now: datetime,
) -> int:
    """Complete or change a dereferencing not yet notified; return its new revision, a draft.

    `addressee` is the recipient, `targets` the addresses to keep, `reasons` the officer's text. An approval
    becomes void.

    Raises:
        ActUnknown: no dereferencing has this id.
        Refusal: NO_ADDRESSEE (the recipient is neither a search engine nor a directory), ADDRESSEE_UNREADABLE
            (a letter cannot name the recipient, see `check_addressee`), TEXT_UNREADABLE (a text is too long,
            or has a NUL or lone surrogate), NO_TARGET (no address is left), FOREIGN_TARGET (an address that
            the act did not have), GROUND_GONE (its decision is no longer in force), EXPIRED (its document was
            erased).
        TransitionRefused: it was notified.
        Refused: the actor may not propose dereferencings at that desk.
    """
    said = readable(reasons, kind="dereferencing")
    _check_recipient(addressee)

    def amended(content: bytes) -> bytes:
        before = read_dereferencing(content).dereferencing
        return _written(
            msgspec.structs.replace(
                before,
                revision=before.revision + 1,
                addressee=addressee,
                targets=check_targets(targets, known=before.targets),
                reasons=said,
            )
        )

    return amend_act(
        actor=actor,
        lifecycle=DEREFERENCING,
        act_id=act_id,
        amend=amended,
        addressee=str(addressee.kind),
        now=now,
    )


def record_dereferencing(
    *, actor: Actor, act_id: UUID, transition: str, event: Event, now: datetime
) -> UUID:
    """Record a transition of a dereferencing (`notify`, `confirm`, `check`, `free`, …); return its report.

    `event` holds its instant, proof, reason and outcome. Amendment, approval and refusal have their own
    operations.

    Raises:
        ActUnknown: no dereferencing has this id.
        Refusal: a code of `casework.operations.acts.take_step`; NO_REASON (the step needs a reason);
            REMOVAL_ENDED (the removal request was executed or has ended); LAPSED (nothing prolongs an act
            past its check), NOT_LAPSED (lifted as lapsed, but not past its check), OTHER_PERSON (the actor
            took the previous step), NOT_FREED (there is nothing to review), REVIEW_FIRST (one person alone
            ended it, and nobody reviewed that).
        TransitionRefused: its state allows no such transition, or the transition has its own operation.
        Refused: the actor may not make this transition.
        OSError: the proof's file could not be sealed; nothing is recorded.
    """
    return _STEPS.record(actor=actor, act_id=act_id, transition=transition, event=event, now=now)


def restoration_of(*, actor: Actor, file: ActFile, now: datetime) -> tuple[Mail, bytes]:
    """Return the e-mail that asks the recipient to list the addresses again, and its JSON attachment.

    `file` is a dereferencing that was lifted or freed. The ledger records that the message was made.

    Raises:
        Refusal: NOT_ENDED (it is in force, or nobody was notified), EXPIRED (its document was erased).
        Refused: the actor may not read the act.
        DelayMissing: the reference data have no delay in force for one of its deadlines.
    """
    ended = views.view_of(actor=actor, act=file.act, now=now).facts.ended_at
    if ended is None:
        raise Refusal("dereferencing", "NOT_ENDED")
    if file.content is None:
        raise Refusal("dereferencing", "EXPIRED")
    record_export(actor=actor, lifecycle=DEREFERENCING, act_id=file.act.id, format_="EML", now=now)
    return write_restoration(file.content, ended_at=ended.isoformat(), words=_words)


def erase_words(*, actor: Actor, act_ids: Sequence[UUID], now: datetime) -> int:
    """Erase the texts and names of those of the dereferencings `act_ids` that have ended.

    Returns the number of acts that had any. One that is not lifted or withdrawn keeps them. The caller has
    already checked retention periods and legal holds. The operation is idempotent.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    return erase_ended(
        actor=actor,
        kind="dereferencing",
        function="measures_erase_dereferencings",
        act_ids=act_ids,
        now=now,
    )


def _check_notify(actor: Actor, act: Act, _event: Event, now: datetime) -> None:
    """Check that the removal request behind a dereferencing has not ended.

    The steps of both acts lock the report's case, so that neither overlooks the other.

    Raises:
        Refusal: REMOVAL_ENDED.
    """
    view = views.view_of(actor=actor, act=act, now=now)
    check_rests(removal_of(actor, view.removal_id), kind="dereferencing")


def _check_in_force(actor: Actor, act: Act, _event: Event, now: datetime) -> None:
    if views.view_of(actor=actor, act=act, now=now).lapsed:
        raise Refusal("dereferencing", "LAPSED")


def _check_check(actor: Actor, act: Act, event: Event, now: datetime) -> None:
    _check_in_force(actor, act, event, now)
    _check_notify(actor, act, event, now)


def _check_keep(actor: Actor, act: Act, event: Event, now: datetime) -> None:
    _check_check(actor, act, event, now)
    check_other(actor, act, "doubt")


def _check_lift(actor: Actor, act: Act, event: Event, now: datetime) -> None:
    lapsed = views.view_of(actor=actor, act=act, now=now).lapsed
    if event.outcome == LiftOutcome.LAPSED and not lapsed:
        raise Refusal("dereferencing", "NOT_LAPSED")


def _check_review(actor: Actor, act: Act, _event: Event, now: datetime) -> None:
    if not views.view_of(actor=actor, act=act, now=now).facts.unreviewed:
        raise Refusal("dereferencing", "NOT_FREED")
    check_other(actor, act, "free")


def _check_restore(actor: Actor, act: Act, _event: Event, now: datetime) -> None:
    if views.view_of(actor=actor, act=act, now=now).facts.unreviewed:
        raise Refusal("dereferencing", "REVIEW_FIRST")


_STEPS = LastingSteps(
    lifecycle=DEREFERENCING,
    reasoned=REASONED,
    checks={
        "notify": _check_notify,
        "confirm": _check_in_force,
        "check": _check_check,
        "keep": _check_keep,
        "lift": _check_lift,
        "review": _check_review,
        "restore": _check_restore,
    },
)
"""How each step is recorded; the database repeats the additional checks."""


def _check_recipient(recipient: Addressee) -> None:
    check_provider(recipient, kind="dereferencing")
    if recipient.kind not in _RECIPIENTS:
        raise Refusal("dereferencing", "NO_ADDRESSEE")


def _words(code: str, parameters: Mapping[str, str | int], lang: str) -> str:
    return reference.load().words.render(code, parameters, lang, kind="dereferencing_letter")


def _written(act: Dereferencing) -> bytes:
    return write_dereferencing(act, issuer=issuing_authority.current(), words=_words)
