"""Operations on blockings of mirrors, official acts: draft, amend, record a transition, erase.

A mirror takes over, in whole or in substance, a service that a judicial court condemned (LCEN article
6-4). It is blocked only under that decision, for as long as it is enforceable.
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from uuid import UUID

import msgspec
from django.db import transaction

from fanal import reference
from fanal.accounts.domain.policy import Resource, require
from fanal.casework import queries as casework
from fanal.casework.domain.records import Act, ActDraft, Event
from fanal.casework.operations.acts import ActUnknown, amend_act, open_act, record_caused
from fanal.db import sql
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import end_of_day, paris_day
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.kernel.texts import plain
from fanal.measures.blocking import views
from fanal.measures.blocking.checks import (
    check_in_force,
    check_lift,
    check_protected,
    check_review,
    check_vouch,
)
from fanal.measures.blocking.kind import BEFORE_LISTING, BLOCKS, REASONED
from fanal.measures.blocking.mirrors.document import (
    CourtDecision,
    Mirror,
    read_mirror,
    write_mirror,
)
from fanal.measures.blocking.mirrors.kind import MIRROR, MirrorOutcome
from fanal.measures.blocking.mirrors.near import same_decision
from fanal.measures.blocking.names import HostName, covers, read_name
from fanal.measures.operations import issuing_authority
from fanal.measures.operations.lasting import (
    LastingSteps,
    check_other,
    erase_ended,
    readable,
)
from fanal.orient import queries as oriented
from fanal.reference import Catalogue, MeasureRule

BASIS = "LCEN 6-4"
"""The article that provides the measure."""
_LONGEST = 200


def open_mirror(
    *,
    actor: Actor,
    report_id: UUID,
    hosts: Collection[str],
    name: str,
    decision: CourtDecision,
    reasons: str,
    now: datetime,
) -> UUID:
    """Draft the blocking of a mirror that a report names; return the id of the act.

    `hosts` are those of the addresses that the report names. `name` is as typed: one of them, or a domain
    above it. `decision` is that of the court, `reasons` says in what the mirror takes over the condemned
    service. If the report already has an open act on this name, its id is returned.

    Raises:
        ActUnknown: the actor may read no such report.
        Refusal: kind `mirror`: CLOSED (no checked rule in force permits it), NAME_ELSEWHERE (no host of the
            report), NO_DECISION, WRONG_DAYS, ENDED (the decision has ended), ENDED_EARLY (the desk recorded
            its end), MAY_HAVE_ENDED (it recorded the end of a decision with the same number, and court and
            day do not both clearly differ), SERVICE_NAME (the service is no host name), SAME_NAME (the name
            is the condemned service's own, or covers it or is covered by it), TEXT_UNREADABLE; kind
            `blocking`: a code of `names.read_name`.
        Refused: the actor may not propose blockings at that desk.
    """
    case = oriented.get_case(actor=actor, report_id=report_id)
    if case is None:
        raise ActUnknown(str(report_id))
    require(actor, MIRROR.proposes, Resource(desk_id=case.desk_id))
    rule = mirror_basis(reference.load(), on=paris_day(now))
    host = read_name(name, own=issuing_authority.own_names())
    if not any(covers(host, one) for one in hosts):
        raise Refusal("mirror", "NAME_ELSEWHERE")
    mirror = Mirror(
        act_id=new_id(now),
        revision=1,
        host=host,
        decision=_checked(decision, host=host, desk_id=case.desk_id, now=now),
        basis=rule.code,
        basis_entry=rule.entry_id,
        reasons=readable(reasons, kind="mirror"),
    )
    draft = ActDraft(
        id=mirror.act_id,
        desk_id=case.desk_id,
        subject_id=report_id,
        report_ids=(report_id,),
        addressee="ISP",
        level=case.level or "NORMAL",
        content=_written(mirror),
    )
    with transaction.atomic():
        for one in views.blockings_on(actor=actor, report_id=report_id, now=now, lifecycle=MIRROR):
            if one.host == host and one.is_open:
                return one.act.id
        return open_act(actor=actor, lifecycle=MIRROR, draft=draft, now=now)


def amend_mirror(
    *, actor: Actor, act_id: UUID, decision: CourtDecision, reasons: str, now: datetime
) -> int:
    """Change decision and reasons of a mirror not yet listed; return its new revision number.

    It becomes a draft again: approvals are void. The name is never changed.

    Raises:
        ActUnknown: no mirror has this id.
        Refusal: kind `mirror`: NO_DECISION, WRONG_DAYS, ENDED, ENDED_EARLY, MAY_HAVE_ENDED, SERVICE_NAME,
            SAME_NAME, TEXT_UNREADABLE, EXPIRED.
        TransitionRefused: it was listed.
        Refused: the actor may not propose blockings at that desk.
    """
    said = readable(reasons, kind="mirror")

    def amended(content: bytes) -> bytes:
        before = read_mirror(content).mirror
        (desk_id,) = sql.one("SELECT desk_id FROM casework_act WHERE id = %s", [act_id])
        return _written(
            msgspec.structs.replace(
                before,
                revision=before.revision + 1,
                decision=_checked(decision, host=before.host, desk_id=desk_id, now=now),
                reasons=said,
            )
        )

    return amend_act(actor=actor, lifecycle=MIRROR, act_id=act_id, amend=amended, now=now)


def record_mirror(
    *, actor: Actor, act_id: UUID, transition: str, event: Event, now: datetime
) -> UUID:
    """Record a transition of a mirror (`enforce`, `compare`, `list`, `check`, …); return its report.

    `event` holds its instant, proof, reason and outcome. `enforce` files the copy of the court's decision,
    `compare` evidence of the resemblance. Lifted because the decision has ended (DECISION_ENDED), every other
    mirror of the desk under the same decision (`near.same_decision`) is lifted with it, or withdrawn if it
    was not listed yet; from then on no step of that desk applies a mirror under this decision.

    Raises:
        ActUnknown: no mirror has this id.
        Refusal: a code of `casework.operations.acts.take_step`; NO_REASON; NO_COPY (the file of the decision
            is missing), OTHER_COPY (that of another decision is filed), NO_EVIDENCE, ENDED (the decision has
            ended), ENDED_EARLY (its end is recorded), MAY_HAVE_ENDED (submit, vouch, list: as `open_mirror`),
            NOT_ENFORCEABLE (not yet). For vouching and listing: a code of `checks`. LAPSED, NOT_LAPSED,
            OTHER_PERSON.
        TransitionRefused: its state allows no such transition, or the transition has its own operation.
        Refused: the actor may not make this transition.
        OSError: the proof's file could not be sealed; nothing is recorded.
    """
    if transition == "enforce" and event.file is None:
        raise Refusal("mirror", "NO_COPY")
    ends = transition == "lift" and event.outcome == MirrorOutcome.DECISION_ENDED
    with transaction.atomic():
        if ends:
            _hold_others(act_id)
        report_id = _STEPS.record(
            actor=actor, act_id=act_id, transition=transition, event=event, now=now
        )
        if ends:
            _lift_others(actor, act_id, event, now)
    return report_id


def erase_words(*, actor: Actor, act_ids: Sequence[UUID], now: datetime) -> int:
    """Erase the texts, host names and decisions of those of the mirrors `act_ids` that have ended.

    Returns the number of mirrors that had any. The caller has already checked retention periods and legal
    holds. The operation is idempotent.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    return erase_ended(
        actor=actor, kind="mirror", function="measures_erase_blockings", act_ids=act_ids, now=now
    )


def mirror_basis(catalogue: Catalogue, *, on: date) -> MeasureRule:
    """Return the legal rule in force on a day that permits blocking mirrors.

    Raises:
        Refusal: kind `mirror`: CLOSED (no checked rule is in force).
    """
    rule = catalogue.by_code(MeasureRule, BASIS, on)
    if rule is None or rule.unchecked(on):
        raise Refusal("mirror", "CLOSED")
    return rule


def _hold_others(act_id: UUID) -> None:
    """Lock a mirror and the others under its decision, in the order of their ids.

    When a step of such an act is stored, the database also takes an advisory lock on the decision's number,
    after the lock on the act.
    """
    sql.rows(
        "SELECT FROM casework_act WHERE id = ANY (%s) ORDER BY id FOR NO KEY UPDATE",
        [[act_id, *same_decision(act_id)]],
    )


def _lift_others(actor: Actor, act_id: UUID, event: Event, now: datetime) -> None:
    """Lift the desk's other mirrors under the decision of a lifted one; withdraw those not yet listed."""
    under = same_decision(act_id)
    found = casework.get_acts(actor=actor, lifecycle=MIRROR, act_ids=under)
    proof = event.proof or casework.numbers_of(act_ids=[act_id]).get(act_id, str(act_id))
    for other in sorted(found.values(), key=lambda one: one.id):
        if other.state not in BEFORE_LISTING | BLOCKS:
            continue
        listed = other.state in BLOCKS
        record_caused(
            actor=actor,
            lifecycle=MIRROR,
            act_id=other.id,
            transition="lift" if listed else "withdraw",
            event=Event(happened_at=now, proof=proof, outcome=event.outcome if listed else ""),
            now=now,
        )


def check_approval(act: Act, event: Event) -> Event:
    """Return the event of an approval, unless the end of the mirror's decision is recorded, or may be.

    Raises:
        Refusal: kind `mirror`: ENDED_EARLY, MAY_HAVE_ENDED (as `open_mirror`).
    """
    _check_not_over(act, new=True)
    return event


def _check_decision(
    actor: Actor, act: Act, event: Event, now: datetime, *, new: bool = True
) -> None:
    """Check that the court's decision behind a mirror is in force, and that no early end of it is recorded.

    `new`: the mirror is not listed yet; then a recorded end of a decision that may be the same counts too.

    Raises:
        Refusal: kind `mirror`: ENDED, ENDED_EARLY, MAY_HAVE_ENDED (only if `new`).
    """
    view = views.view_of(actor=actor, act=act, now=now)
    ends = view.facts.decision_ends_at
    if ends is None or max(now, event.happened_at) >= ends:
        raise Refusal("mirror", "ENDED")
    _check_not_over(act, new=new)


def _check_not_over(act: Act, *, new: bool) -> None:
    (state,) = sql.one(
        "SELECT measures_decision_state(%s, measures_decision_of(%s))", [act.desk_id, act.id]
    )
    _refuse_ended(str(state), new=new)


def _refuse_ended(state: str, *, new: bool) -> None:
    if state == "OVER":
        raise Refusal("mirror", "ENDED_EARLY")
    if state and new:
        raise Refusal("mirror", "MAY_HAVE_ENDED")


def _check_evidence(actor: Actor, act: Act, event: Event, now: datetime) -> None:
    _check_decision(actor, act, event, now)
    steps = casework.steps_of(act_ids=[act.id]).get(act.id, ())
    taken = {step.transition for step in steps}
    for transition, code in (("enforce", "NO_COPY"), ("compare", "NO_EVIDENCE")):
        if transition not in taken:
            raise Refusal("mirror", code)
    (filed,) = sql.one("SELECT measures_decision_filed(%s)", [act.id])
    if not filed:
        raise Refusal("mirror", "OTHER_COPY")


def _check_vouch(actor: Actor, act: Act, event: Event, now: datetime) -> None:
    _check_decision(actor, act, event, now)
    check_vouch(actor, act, event, now)


def _check_list(actor: Actor, act: Act, event: Event, now: datetime) -> None:
    _check_evidence(actor, act, event, now)
    view = views.view_of(actor=actor, act=act, now=now)
    check_protected(view)
    starts = view.decision_from
    if starts is None or event.happened_at < starts:
        raise Refusal("mirror", "NOT_ENFORCEABLE")


def _check_check(actor: Actor, act: Act, event: Event, now: datetime) -> None:
    _check_decision(actor, act, event, now, new=False)
    check_in_force(actor, act, event, now)


def _check_keep(actor: Actor, act: Act, event: Event, now: datetime) -> None:
    _check_check(actor, act, event, now)
    check_other(actor, act, "doubt")


_STEPS = LastingSteps(
    lifecycle=MIRROR,
    reasoned=REASONED,
    checks={
        "submit": _check_evidence,
        "vouch": _check_vouch,
        "list": _check_list,
        "confirm": _check_check,
        "check": _check_check,
        "keep": _check_keep,
        "review": check_review,
        "lift": check_lift,
    },
)
"""How each step is recorded; the database repeats the additional checks."""


def _checked(
    decision: CourtDecision, *, host: HostName, desk_id: int, now: datetime
) -> CourtDecision:
    """Return a decision with its texts cleaned, after checking its days and the service that it condemns.

    `host` is the name to block.

    Raises:
        Refusal: kind `mirror`: TEXT_UNREADABLE, NO_DECISION, WRONG_DAYS, ENDED, SERVICE_NAME, SAME_NAME,
            ENDED_EARLY, MAY_HAVE_ENDED (as `open_mirror`).
    """
    cleaned = CourtDecision(
        **{
            name: plain(readable(getattr(decision, name), kind="mirror"))
            for name in CourtDecision.__struct_fields__
        }
    )
    if any(len(text) > _LONGEST for text in (cleaned.court, cleaned.number, cleaned.service)):
        raise Refusal("mirror", "TEXT_UNREADABLE")
    if not cleaned.service or not all(map(_is_named, (cleaned.court, cleaned.number))):
        raise Refusal("mirror", "NO_DECISION")
    if cleaned.days is None:
        raise Refusal("mirror", "WRONG_DAYS")
    if now >= end_of_day(cleaned.days[2]):
        raise Refusal("mirror", "ENDED")
    try:
        service = read_name(cleaned.service, own=())
    except Refusal:
        raise Refusal("mirror", "SERVICE_NAME") from None
    if covers(service, host) or covers(host, service):
        raise Refusal("mirror", "SAME_NAME")
    said = msgspec.json.encode(cleaned).decode()
    (state,) = sql.one("SELECT measures_decision_state(%s, %s::jsonb)", [desk_id, said])
    _refuse_ended(str(state), new=True)
    return msgspec.structs.replace(cleaned, service=service)


def _is_named(text: str) -> bool:
    return any(map(str.isalnum, text))


def _written(mirror: Mirror) -> bytes:
    def words(code: str, parameters: dict[str, str], lang: str) -> str:
        return reference.load().words.render(code, parameters, lang, kind="mirror_letter")

    return write_mirror(mirror, issuer=issuing_authority.current(), words=words)
