"""Operations on appeals, kept as official acts: register and file, record hearings and rulings, erase.

A ruling that annuls a measure lifts it, and what rests on it, in the same transaction.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from django.db import transaction

from fanal import reference
from fanal.accounts.domain.policy import Resource, require
from fanal.casework import queries as casework
from fanal.casework.domain.lifecycle import Lifecycle
from fanal.casework.domain.records import Act, ActDraft, Event
from fanal.casework.operations.acts import ActUnknown, open_act, record_caused, take_step
from fanal.casework.operations.doubts import raise_doubts
from fanal.casework.operations.locking import lock_act
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import PARIS
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.kernel.states import TransitionRefused
from fanal.kernel.texts import plain
from fanal.measures.appeal import views
from fanal.measures.appeal.document import Appeal, read_appeal, write_appeal
from fanal.measures.appeal.kind import (
    APPEAL,
    FILERS,
    REASONED,
    RULINGS,
    AppealState,
    Filer,
    Ruling,
)
from fanal.measures.domain.clocks import term_end
from fanal.measures.operations import issuing_authority
from fanal.measures.operations.lasting import LastingSteps, erase_ended, readable
from fanal.measures.removal.kind import REMOVAL

_LONGEST_LINE = 200
_SAME_FILING = timedelta(minutes=10)
_MOMENT = timedelta(milliseconds=1)  # ledger entries of one instant have no order


def open_appeal(  # noqa: PLR0913 - one for each field of the application
    *,
    actor: Actor,
    contested: Lifecycle,
    contested_id: UUID,
    filer: Filer,
    event: Event,
    now: datetime,
    filer_name: str = "",
    court: str = "",
    case_number: str = "",
    claims: str = "",
    known_at: datetime | None = None,
) -> UUID:
    """Register an appeal against a measure that was sent, with its filing; return the id of the act.

    `contested` and `contested_id` are kind and id of the measure. `event` is the filing: its instant and the
    proof, such as the application. `known_at` is when the filer received the measure, or learned of it. The
    other texts are as in the application. A blocking or dereferencing that is in force is put in doubt, as
    are those that rest on a contested removal request. An appeal with the same case number against the same
    measure is not registered twice, nor is one without a number that says the same: its id is returned.

    Raises:
        ActUnknown: no measure of that kind has this id.
        Refusal: kind `appeal`: NOT_SENT (nobody was notified of the measure), NO_FILER, KNOWN_WRONG
            (`known_at` is before the sending or after the filing), TEXT_UNREADABLE, a code of `take_step`.
        Refused: the actor may not register appeals at that desk.
        OSError: the proof's file could not be sealed; nothing is recorded.
        DelayMissing: as `rules.terms_of`.
    """
    found = casework.get_act(actor=actor, lifecycle=contested, act_id=contested_id)
    if found is None:
        raise ActUnknown(str(contested_id))
    act = found.act
    require(actor, APPEAL.proposes, Resource(desk_id=act.desk_id))
    if act.sent_at is None:
        raise Refusal("appeal", "NOT_SENT")
    if filer not in FILERS:
        raise Refusal("appeal", "NO_FILER")
    sent = act.sent_at.replace(second=0, microsecond=0)  # forms give minutes
    if event.happened_at < sent:
        raise Refusal("appeal", "EVENT_TOO_EARLY")
    if known_at is not None and not sent <= known_at <= event.happened_at:
        raise Refusal("appeal", "KNOWN_WRONG")
    appeal = Appeal(
        act_id=new_id(now),
        revision=1,
        contested_id=act.id,
        contested_kind=act.kind,
        contested_number=found.number,
        filer=filer,
        filer_name=_line(filer_name),
        court=_line(court),
        case_number=_line(case_number),
        known_at=known_at.isoformat() if known_at else "",
        claims=readable(claims, kind="appeal"),
    )
    draft = ActDraft(
        id=appeal.act_id,
        desk_id=act.desk_id,
        subject_id=act.subject_id,
        report_ids=act.report_ids,
        addressee="COURT",
        level=act.level,
        content=_written(appeal),
    )
    with transaction.atomic():
        lock_act(
            actor, contested, act.id, right=contested.reads
        )  # one registration after the other
        if (known := _registered(actor, appeal, event, act.subject_id, now)) is not None:
            return known
        open_act(actor=actor, lifecycle=APPEAL, draft=draft, now=now)
        later = now + _MOMENT
        take_step(
            actor=actor,
            lifecycle=APPEAL,
            act_id=appeal.act_id,
            transition="file",
            event=event,
            now=later,
        )
        raise_doubts(
            actor=actor, report_id=act.subject_id, act_id=act.id, cause="APPEAL", now=later
        )
    return appeal.act_id


def record_appeal(
    *, actor: Actor, act_id: UUID, transition: str, event: Event, now: datetime
) -> UUID:
    """Record a step of an appeal (`hear`, `rule`, `contest`, `decide`, …); return its report.

    `event` holds its instant, proof, reason and outcome. The proof of `rule` and `decide` is the file of the
    ruling. With the outcome ANNULLED, the measure and the measures that rest on it are lifted first.

    Raises:
        ActUnknown: no appeal has this id.
        Refusal: a code of `casework.operations.acts.take_step`; NO_REASON, NO_RULING (the file is missing),
            NOT_FINAL (the ruling may still be contested).
        TransitionRefused: its state allows no such transition.
        Refused: the actor may not record steps of appeals at that desk.
        OSError: the proof's file could not be sealed; nothing is recorded.
        DelayMissing: the reference data have no checked term for contesting the ruling.
    """
    if transition in RULINGS and event.file is None:
        raise Refusal("appeal", "NO_RULING")
    with transaction.atomic():
        if transition in RULINGS and event.outcome == Ruling.ANNULLED:
            _lift_annulled(actor, act_id, transition, event, now)
        return _STEPS.record(
            actor=actor, act_id=act_id, transition=transition, event=event, now=now
        )


def erase_words(*, actor: Actor, act_ids: Sequence[UUID], now: datetime) -> int:
    """Erase the texts and files of those of the appeals `act_ids` that are closed; return how many had any.

    The caller has already checked retention periods and legal holds. The operation is idempotent.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    return erase_ended(
        actor=actor, kind="appeal", function="measures_erase_appeals", act_ids=act_ids, now=now
    )


def _lift_annulled(
    actor: Actor, act_id: UUID, transition: str, event: Event, now: datetime
) -> None:
    """Lift the measure that an appeal contests, and the measures that rest on it, because a court annuls it.

    The proof of each lifting names the appeal and the SHA-256 of the ruling. Locks: the appeal, then the
    measures; nothing locks them in the other order.
    """
    row, _ = lock_act(actor, APPEAL, act_id, right=APPEAL.requirements[transition].right)
    APPEAL.target(row.state, transition)  # raises TransitionRefused
    view = views.view_of(actor=actor, act=row.record(), now=now)
    digest = hashlib.sha256(event.file.content if event.file else b"").hexdigest()
    number = casework.numbers_of(act_ids=[act_id]).get(act_id, str(act_id))
    proof = f"{number}, SHA-256 {digest}"
    lifted = Event(happened_at=now, proof=proof)
    contested = view.contested_id
    if contested in casework.get_acts(actor=actor, lifecycle=REMOVAL, act_ids=[contested]):
        record_caused(
            actor=actor,
            lifecycle=REMOVAL,
            act_id=contested,
            transition="annul",
            event=lifted,
            now=now,
        )
    raise_doubts(
        actor=actor,
        report_id=row.subject_id,
        act_id=contested,
        cause=Ruling.ANNULLED.value,
        proof=proof,
        now=now,
    )


def _check_final(actor: Actor, act: Act, event: Event, now: datetime) -> None:
    ruled_at = views.view_of(actor=actor, act=act, now=now).facts.ruled_at
    if ruled_at is None:
        raise TransitionRefused(APPEAL.states.name, act.state, "close")
    if event.happened_at < term_end("CAA_10D", catalogue=reference.load(), since=ruled_at):
        raise Refusal("appeal", "NOT_FINAL")


_STEPS = LastingSteps(lifecycle=APPEAL, reasoned=REASONED, checks={"close": _check_final})


def _registered(
    actor: Actor, appeal: Appeal, event: Event, report_id: UUID, now: datetime
) -> UUID | None:
    """Return the id of the same appeal if it was registered before against the same measure, else None.

    It has the same case number. Without a number, all its texts and its proof are the same, and it was filed
    within ten minutes: a form without a time takes that of its sending.
    """
    found = views.appeals_against(
        actor=actor, report_id=report_id, contested_ids={appeal.contested_id}, now=now
    )
    standing = {one.act.id: one for one in found if one.facts.state is not AppealState.STRUCK}
    filings = casework.steps_of(act_ids=list(standing))
    digest = hashlib.sha256(event.file.content).hexdigest() if event.file else ""
    number = _number(appeal)
    acts = [one.act for one in standing.values()]
    for act_id, content in casework.contents_of(acts=acts).items():
        before = read_appeal(content).appeal
        if _number(before) != number:
            continue
        filing = next(step for step in filings[act_id] if step.transition == "file")
        if number or (
            _said(before) == _said(appeal)
            and (filing.proof, filing.proof_digest) == (event.proof, digest)
            and abs(filing.happened_at - event.happened_at) < _SAME_FILING
        ):
            return act_id
    return None


def _said(appeal: Appeal) -> Appeal:
    """Return an appeal without act id and number of the measure, to compare two registrations of it."""
    return msgspec.structs.replace(appeal, act_id=UUID(int=0), contested_number="")


def _number(appeal: Appeal) -> str:
    """Return the case number without blanks and case."""
    return plain(appeal.case_number).casefold().replace(" ", "")


def _line(text: str) -> str:
    said = readable(text, kind="appeal")
    if len(said) > _LONGEST_LINE or "\n" in said:
        raise Refusal("appeal", "TEXT_UNREADABLE")
    return said


def _written(appeal: Appeal) -> bytes:
    def words(code: str, parameters: Mapping[str, str | int], lang: str) -> str:
        return reference.load().words.render(code, parameters, lang, kind="appeal_record")

    def known(lang: str) -> str:
        if not appeal.known_at:
            return ""
        form = "%d/%m/%Y, %H:%M" if lang == "en" else "%d/%m/%Y à %H h %M"
        return datetime.fromisoformat(appeal.known_at).astimezone(PARIS).strftime(form)

    return write_appeal(
        appeal,
        issuer=issuing_authority.current(),
        words=words,
        label=reference.label,
        known=known,
    )
