"""Operations on blockings of host names, official acts: draft, amend, record a transition, erase."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from django.db import transaction

from fanal import reference
from fanal.accounts.domain.policy import Resource, require
from fanal.casework.domain.records import Act, ActDraft, Event
from fanal.casework.operations.acts import ActUnknown, amend_act, open_act, record_caused
from fanal.casework.operations.locking import lock_act
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import PARIS, paris_day, read_aware
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.measures.blocking import views
from fanal.measures.blocking.checks import (
    check_in_force,
    check_lift,
    check_protected,
    check_review,
    check_vouch,
)
from fanal.measures.blocking.document import (
    Blocking,
    Ground,
    Mentions,
    read_blocking,
    write_blocking,
)
from fanal.measures.blocking.kind import BLOCKING, REASONED
from fanal.measures.blocking.rules import blocking_basis, check_rests, name_to_block
from fanal.measures.domain.records import DoubtCause
from fanal.measures.operations import issuing_authority
from fanal.measures.operations.lasting import (
    LastingSteps,
    check_not_annulled,
    check_other,
    erase_ended,
    is_contested,
    readable,
    removal_of,
)
from fanal.measures.removal.kind import REMOVAL
from fanal.orient import queries as oriented


def open_blocking(
    *,
    actor: Actor,
    removal_id: UUID,
    name: str,
    ground: Ground,
    now: datetime,
    reasons: str = "",
    mentions: Mentions | None = None,
) -> UUID:
    """Draft a blocking of one host name on the basis of a removal request; return its id.

    `name` is as typed: the host of the request, or a domain above it. `ground` is the legal ground, `reasons`
    the officer's text, `mentions` the checklist that the ground NO_MENTIONS needs. If the request already has
    a blocking of this name that is drafted or in force, nothing is drafted and its id is returned.

    Raises:
        ActUnknown: no removal request has this id.
        Refusal: a code of `rules.name_to_block` or `rules.blocking_basis`; GROUND_GONE (the decision of the
            request is no longer in force), TEXT_UNREADABLE (a text is too long, or has a NUL or lone
            surrogate).
        Refused: the actor may not propose blockings at that desk.
    """
    removal = removal_of(actor, removal_id)
    require(actor, BLOCKING.proposes, Resource(desk_id=removal.desk_id))
    host = name_to_block(name, removal=removal, ground=ground, own=issuing_authority.own_names())
    rule = blocking_basis(removal, catalogue=reference.load(), on=paris_day(now))
    if not oriented.decision_stands(
        actor=actor, report_id=removal.report_id, decision_id=removal.decision_id
    ):
        raise Refusal("blocking", "GROUND_GONE")
    blocking = Blocking(
        act_id=new_id(now),
        revision=1,
        host=host,
        removal_id=removal.id,
        requested=removal.request.host,
        received=removal.received_at.isoformat() if removal.received_at else "",
        ground=ground,
        basis=rule.code,
        basis_entry=rule.entry_id,
        offence=removal.request.offence,
        offence_entry=removal.request.offence_entry,
        mentions=_readable_mentions(mentions or Mentions()),
        reasons=readable(reasons, kind="blocking"),
    )
    draft = ActDraft(
        id=blocking.act_id,
        desk_id=removal.desk_id,
        subject_id=removal.report_id,
        report_ids=(removal.report_id,),
        decision_id=removal.decision_id,
        addressee="ISP",
        level=removal.level,
        content=_written(blocking),
    )
    with transaction.atomic():
        lock_act(actor, REMOVAL, removal.id, right="measure.read")  # one draft after the other
        found = views.blockings_on(actor=actor, report_id=removal.report_id, now=now)
        for one in found:
            if (one.removal_id, one.host) == (removal.id, host) and one.is_open:
                return one.act.id
        return open_act(actor=actor, lifecycle=BLOCKING, draft=draft, now=now)


def amend_blocking(
    *, actor: Actor, blocking_id: UUID, reasons: str, mentions: Mentions, now: datetime
) -> int:
    """Change the reasons and the checklist of a blocking not yet listed; return its new revision number.

    It becomes a draft again: approvals of the second and third person are void. The name is never changed.
    `mentions` is the checklist of the particulars that the site does not publish.

    Raises:
        ActUnknown: no blocking has this id.
        Refusal: GROUND_GONE (its decision is no longer in force), EXPIRED (its document was erased),
            TEXT_UNREADABLE (a text is too long, or has a NUL or lone surrogate).
        TransitionRefused: it was listed.
        Refused: the actor may not propose blockings at that desk.
    """
    said, listed = readable(reasons, kind="blocking"), _readable_mentions(mentions)

    def amended(content: bytes) -> bytes:
        before = read_blocking(content).blocking
        return _written(
            msgspec.structs.replace(
                before, revision=before.revision + 1, reasons=said, mentions=listed
            )
        )

    return amend_act(actor=actor, lifecycle=BLOCKING, act_id=blocking_id, amend=amended, now=now)


def record_blocking(
    *, actor: Actor, blocking_id: UUID, transition: str, event: Event, now: datetime
) -> UUID:
    """Record a transition of a blocking (`vouch`, `list`, `check`, `free`, …); return its report.

    `event` holds its instant, proof, reason and outcome. Amendment, approval and refusal have their own
    operations. A name listed while an appeal against its removal request is open is put in doubt at once.

    Raises:
        ActUnknown: no blocking has this id.
        Refusal: a code of `casework.operations.acts.take_step`; NO_REASON (the step needs one). For vouching:
            NOT_PROTECTED (the name is not protected), THIRD_PERSON (the actor signed it before),
            GRANTED_BY_PROPOSER (only earlier signers granted the actor's role). For listing: PROTECTED
            (nobody vouched for a protected name), NOT_DUE (the time of the removal request has not passed),
            ANNULLED (a court annulled the blocking of this name).
            For listing, checking and keeping: REMOVAL_ENDED, REMOVAL_SUSPENDED (`rules.check_rests`). LAPSED
            (nothing brings a lapsed name back), NOT_LAPSED (lifted as lapsed, but it is not), OTHER_PERSON
            (the actor took the previous step).
        TransitionRefused: its state allows no such transition, or the transition has its own operation.
        Refused: the actor may not make this transition.
        OSError: the proof's file could not be sealed; nothing is recorded.
    """
    with transaction.atomic():
        report_id = _STEPS.record(
            actor=actor, act_id=blocking_id, transition=transition, event=event, now=now
        )
        removal_id = views.removals_of([blocking_id]).get(blocking_id)
        if transition == "list" and removal_id is not None and is_contested(removal_id):
            later = now + timedelta(milliseconds=1)  # ledger entries of one instant have no order
            record_caused(
                actor=actor,
                lifecycle=BLOCKING,
                act_id=blocking_id,
                transition="doubt",
                event=Event(happened_at=now, outcome=DoubtCause.APPEAL),
                now=later,
            )
    return report_id


def erase_words(*, actor: Actor, act_ids: Sequence[UUID], now: datetime) -> int:
    """Erase the texts and host names of those of the blockings `act_ids` that have ended.

    Returns the number of blockings that had any. One that is not lifted or withdrawn keeps them. The caller
    has already checked retention periods and legal holds. The operation is idempotent.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    return erase_ended(
        actor=actor,
        kind="blocking",
        function="measures_erase_blockings",
        act_ids=act_ids,
        now=now,
    )


def _check_list(actor: Actor, act: Act, event: Event, now: datetime) -> None:
    view = views.view_of(actor=actor, act=act, now=now)
    lock_act(actor, REMOVAL, _removal_id(view), right="measure.read")
    check_protected(view)
    removal = removal_of(actor, _removal_id(view))
    check_rests(removal)
    check_not_annulled(kind="blocking", removal_id=removal.id, host=view.host)
    due = removal.legal_due_at
    if view.ground is Ground.UNEXECUTED and (due is None or event.happened_at < due):
        raise Refusal("blocking", "NOT_DUE")


def _check_check(actor: Actor, act: Act, event: Event, now: datetime) -> None:
    """Check that a blocked name has not lapsed, and that its removal request is neither over nor suspended.

    The steps of both acts lock the report's case, so that neither overlooks the other.

    Raises:
        Refusal: LAPSED, REMOVAL_ENDED, REMOVAL_SUSPENDED.
    """
    check_in_force(actor, act, event, now)
    view = views.view_of(actor=actor, act=act, now=now)
    check_rests(removal_of(actor, _removal_id(view)))


def _check_keep(actor: Actor, act: Act, event: Event, now: datetime) -> None:
    _check_check(actor, act, event, now)
    check_other(actor, act, "doubt")


def _removal_id(view: views.BlockingView) -> UUID:
    """Return the removal request on which a blocking rests.

    Raises:
        ActUnknown: it rests on none, as a mirror does.
    """
    if view.removal_id is None:
        raise ActUnknown(str(view.act.id))
    return view.removal_id


_STEPS = LastingSteps(
    lifecycle=BLOCKING,
    reasoned=REASONED,
    checks={
        "vouch": check_vouch,
        "list": _check_list,
        "confirm": check_in_force,
        "check": _check_check,
        "keep": _check_keep,
        "review": check_review,
        "lift": check_lift,
    },
)
"""How each step is recorded; the database repeats the additional checks."""


def _readable_mentions(mentions: Mentions) -> Mentions:
    return Mentions(
        **{
            name: readable(getattr(mentions, name), kind="blocking")
            for name in Mentions.__struct_fields__
        }
    )


def _written(blocking: Blocking) -> bytes:
    def words(code: str, parameters: dict[str, str], lang: str) -> str:
        return reference.load().words.render(code, parameters, lang, kind="blocking_letter")

    def received(lang: str) -> str:
        at = read_aware(blocking.received)
        form = "%d/%m/%Y, %H:%M" if lang == "en" else "%d/%m/%Y à %H h %M"
        return at.astimezone(PARIS).strftime(form) if at else ""

    return write_blocking(
        blocking, issuer=issuing_authority.current(), words=words, received=received
    )
