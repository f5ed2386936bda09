"""Write operations of assignments: assign or hand over, see, return, take back, undo, end.

Each act on a report has one entry in the ledger. The row of the queue is locked first, so that two people who
act on the same report at once do so one after the other, and the second gets a refusal.
"""

from collections import Counter
from datetime import datetime
from typing import Any  # noqa: TID251 - values of columns
from uuid import UUID

from django.db import transaction

from fanal.accounts.domain.policy import Refused, Resource, allows, require
from fanal.accounts.queries.people import list_colleagues, person_names
from fanal.intake.operations.lifecycle import require_unerased
from fanal.kernel.actors import Actor
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.kernel.texts import stripped
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef
from fanal.orient.assignment.domain import (
    ASSIGNMENT_STATES,
    UNDONE_WITHIN,
    Assignment,
    in_charge,
    is_shown,
)
from fanal.orient.assignment.queries import record_of
from fanal.orient.domain.states import CASE_STATES, OPEN_STATES, CaseState
from fanal.orient.models import Case, NoteWords, StoredAssignment
from fanal.orient.notifications.domain import NotificationKind
from fanal.orient.notifications.operations import notify, see_notifications
from fanal.orient.operations.notes import store_note
from fanal.orient.queue.operations import CaseTaken, CaseUnknown, claim_case

MOST_UNDONE = 1000


def assign_report(
    *,
    actor: Actor,
    report_id: UUID,
    to: UUID,
    now: datetime,
    note: str = "",
    shown: str | None = None,
    act_id: UUID | None = None,
) -> Assignment:
    """Put a person in charge of a report and notify them; return the assignment.

    `to` is the id of the new person. The person in charge hands a report over; a supervisor of the desk
    assigns any report. A claim of the report ends, and the person who was in charge is notified. `note` is
    a text to the new person, kept as a note on the report. `shown` is the version of who was in charge on
    the actor's page (`version_of`); None: it is not compared. `act_id` is common to the assignments of one
    act on several reports. If the same assignment is sent twice, the first is returned.

    Raises:
        CaseUnknown: no such report in the queue.
        Refused: the actor is not in charge of it and may not assign reports at its desk.
        Refusal: CLOSED (it waits for no decision), CHANGED (another person is in charge now), FREED (nobody
            is any more), NOT_HERE (the person may not claim reports at its desk), ALREADY (they are in
            charge), or a code of a note (`notes.note_report`).
    """
    with transaction.atomic():
        case, given = _locked(report_id, noted=bool(stripped(note)))
        if given and (given.person_id, given.made_by) == (to, actor.person_id):
            seen = shown is not None and is_shown(shown, case.record(), record_of(given), now=now)
            if not seen and _is_same(given, act_id, note):
                return record_of(given)
        former = _former(case, given, actor=actor, shown=shown, now=now)
        require(
            actor,
            "report.claim" if former == actor.person_id else "report.assign",
            Resource(desk_id=case.desk_id),
        )
        if case.state not in OPEN_STATES:
            raise Refusal("assignment", "CLOSED")
        _require_shown(case, given, shown, now)
        if to == former:
            raise Refusal("assignment", "ALREADY")
        if to not in _eligible(case.desk_id, now):
            raise Refusal("assignment", "NOT_HERE")
        if given is not None:
            _end(given, "pass_on", by=actor.person_id, now=now)
        elif former is not None:
            notify(
                kind=NotificationKind.PASSED_ON,
                people=[former],
                desk_id=case.desk_id,
                report_id=report_id,
                by_id=actor.person_id,
                now=now,
            )
        words = _noted(case, note, to=to, actor=actor, now=now)
        row = _give(
            case,
            to,
            by=actor,
            now=now,
            former_id=former,
            handed_over=former == actor.person_id,
            note_id=words[0].id if words else None,
            **({"act_id": act_id} if act_id else {}),
        )
        detail = {"way": "hand_over" if row.handed_over else "assign"}
        about = [_report(report_id), _person(to), *words]
        ledger.record(actor=actor, action="case.assign", at=now, objects=about, detail=detail)
    return record_of(row)


def see_assignment(*, actor: Actor, report_id: UUID, now: datetime) -> None:
    """Record that the actor has opened a report, if it is assigned to them.

    Their notifications of it are marked as seen. The ledger gets no entry: it records the reading of the
    report itself.

    Raises:
        Refused: the actor may list reports at no desk.
    """
    StoredAssignment.objects.filter(
        report_id=report_id, person_id=actor.person_id, ended_at=None, seen_at=None
    ).update(seen_at=now)
    see_notifications(actor=actor, report_id=report_id, now=now)


def return_report(
    *, actor: Actor, report_id: UUID, now: datetime, shown: str | None = None
) -> bool:
    """End the actor's own assignment and return the report to the queue; return False if it is not open.

    `shown`: the version of who was in charge on the actor's page (`version_of`), None: not compared.

    Raises:
        CaseUnknown: no such report in the queue.
        Refused: the actor may not claim reports at its desk.
        Refusal: GIVEN_AGAIN: the report was assigned to the actor again after the page with version
            `shown`.
    """
    with transaction.atomic():
        case, given = _locked(report_id)
        require(actor, "report.claim", Resource(desk_id=case.desk_id))
        if given is None or given.person_id != actor.person_id:
            return False
        if shown is not None and not is_shown(shown, case.record(), record_of(given), now=now):
            raise Refusal("assignment", "GIVEN_AGAIN")
        _end(given, "return", by=actor.person_id, now=now)
        _release(case)
        ledger.record(actor=actor, action="case.release", at=now, objects=[_report(report_id)])
    return True


def take_back(
    *, actor: Actor, report_id: UUID, now: datetime, shown: str | None = None
) -> Assignment | None:
    """End an assignment and return the report to the queue; return the assignment, None if it is not open.

    Permitted to the person who assigned the report and to a supervisor of the desk, but not while the
    assignee has claimed it. `shown` is the version of who was in charge on the actor's page (`version_of`);
    None: it is not compared.

    Raises:
        CaseUnknown: no such report in the queue.
        Refused: the actor did not give it and may not assign reports at its desk.
        Refusal: IN_WORK (the person has claimed it), CHANGED (another person is in charge now), FREED
            (nobody is any more).
    """
    with transaction.atomic():
        case, given = _locked(report_id)
        of_another = given is not None and given.made_by != actor.person_id
        action = "report.assign" if of_another else "report.claim"
        require(actor, action, Resource(desk_id=case.desk_id))
        if given is None:
            return None
        _require_shown(case, given, shown, now)
        _take_back(case, given, actor=actor, now=now)
    return record_of(given)


def undo_assignments(*, actor: Actor, act_id: UUID, now: datetime) -> Counter[str]:
    """Undo an act of assignment by the actor, up to two minutes after its last report.

    Each report returns to the person who was in charge before: to the actor as a claim, to a colleague as an
    assignment; to the queue if there was none. Returns the numbers of reports by result: "DONE" (undone) and
    "CHANGED" (left as they are, since somebody has acted on them since). Empty if the act is unknown, another
    person's or older.
    """
    rows = StoredAssignment.objects.filter(act_id=act_id, made_by=actor.person_id)
    if not rows.filter(made_at__gte=now - UNDONE_WITHIN).exists():
        return Counter()
    rows = rows.exclude(outcome="TAKEN_BACK")
    found: Counter[str] = Counter()
    for row in rows.order_by("made_at", "id")[:MOST_UNDONE]:
        try:
            done = _undo(row.id, row.report_id, actor=actor, now=now)
        except (CaseTaken, CaseUnknown, Refusal, Refused):
            done = False
        found["DONE" if done else "CHANGED"] += 1
    return found


def lapse_assignments(*, actor: Actor, now: datetime, most: int = 200) -> int:
    """End the assignments to people who may no longer claim reports at the desk; return the number of them.

    At most `most` are ended in one call. Their reports return to the queue; those who assigned them and the
    desk's supervisors are notified.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    pairs = StoredAssignment.objects.filter(ended_at=None).values_list("desk_id", "person_id")
    held = set(pairs.distinct())
    here = list_colleagues(action="report.claim", desk_ids={desk for desk, _ in held}, now=now)
    gone = [(desk, person) for desk, person in held if person not in here[desk]]
    done = 0
    for desk_id, person_id in gone:
        rows = StoredAssignment.objects.filter(
            ended_at=None, desk_id=desk_id, person_id=person_id
        ).values_list("report_id", flat=True)
        for report_id in rows[: most - done]:
            done += _lapse(report_id, person_id, actor=actor, now=now)
    return done


def _lapse(report_id: UUID, person_id: UUID, *, actor: Actor, now: datetime) -> bool:
    with transaction.atomic():
        case, given = _locked(report_id)
        if given is None or given.person_id != person_id:
            return False
        _end(given, "lapse", by=actor.person_id, now=now)
        _release(case)
        heads = list_colleagues(action="report.assign", desk_ids=[case.desk_id], now=now)
        notify(
            kind=NotificationKind.LAPSED,
            people=[head for head in heads[case.desk_id] if head != given.made_by],
            desk_id=case.desk_id,
            report_id=report_id,
            by_id=person_id,
            now=now,
        )
        ledger.record(
            actor=actor,
            action="case.release",
            at=now,
            objects=[_report(report_id), _person(person_id)],
            detail={"why": "lapsed"},
        )
    return True


def _undo(assignment_id: UUID, report_id: UUID, *, actor: Actor, now: datetime) -> bool:
    with transaction.atomic():
        case, given = _locked(report_id)
        if given is None or given.id != assignment_id:
            return False
        former, own = given.former_id, given.former_id in {None, actor.person_id}
        action = "report.claim" if own else "report.assign"
        require(actor, action, Resource(desk_id=case.desk_id))
        _take_back(case, given, actor=actor, now=now)
        if former == actor.person_id:
            claim_case(actor=actor, report_id=report_id, now=now)
        elif former is not None and former in _eligible(case.desk_id, now):
            _give(case, former, by=actor, now=now, former_id=given.person_id)
    return True


def _take_back(case: Case, given: StoredAssignment, *, actor: Actor, now: datetime) -> None:
    if case.record().held_by(now) is not None:
        names = person_names(person_ids=[given.person_id])
        raise Refusal("assignment", "IN_WORK", person=names.get(given.person_id, ""))
    _end(given, "take_back", by=actor.person_id, now=now)
    _release(case)
    ledger.record(
        actor=actor,
        action="case.take_back",
        at=now,
        objects=[_report(case.report_id), _person(given.person_id)],
    )


def _locked(report_id: UUID, *, noted: bool = False) -> tuple[Case, StoredAssignment | None]:
    """Lock a report's row of the queue; return it and its open assignment, None without one.

    `noted`: the act writes a note, which an erased report may not get.

    Raises:
        CaseUnknown: no such report in the queue.
        Refusal: ERASED: `noted`, and the report is erased.
    """
    if noted:
        require_unerased(report_ids=[report_id], of="note")
    case = Case.objects.select_for_update().filter(report_id=report_id).first()
    if case is None:
        raise CaseUnknown(str(report_id))
    return case, StoredAssignment.objects.filter(report_id=report_id, ended_at=None).first()


def _in_charge(case: Case, given: StoredAssignment | None, now: datetime) -> UUID | None:
    return in_charge(case.record(), record_of(given) if given else None, now=now)


def _former(
    case: Case, given: StoredAssignment | None, *, actor: Actor, shown: str | None, now: datetime
) -> UUID | None:
    """Return the person who was in charge of a report that the actor assigns to another; None for nobody.

    If the actor's own claim expired while they filled in the page (`shown`), and nobody has taken the
    report since, the actor still counts as in charge.
    """
    wrote = shown is not None and given is None and case.claimed_by == actor.person_id
    return actor.person_id if wrote else _in_charge(case, given, now)


def _noted(case: Case, note: str, *, to: UUID, actor: Actor, now: datetime) -> list[ObjectRef]:
    """Store the note to the assignee, if `note` is not blank.

    Returns the note and the people whom it names, as objects for the ledger entry; empty without a note.

    Raises:
        Refused: the actor may not write notes at the report's desk.
        Refusal: a code of `notes.store_note`.
    """
    if not stripped(note):
        return []
    require(actor, "report.note", Resource(desk_id=case.desk_id))
    return store_note(actor, [case.report_id], note, desk_id=case.desk_id, now=now, to=to)


def _is_same(given: StoredAssignment, act_id: UUID | None, note: str) -> bool:
    """Return whether an existing assignment is the one that is being sent again.

    If the request has an `act_id`, it must be that of the assignment; otherwise the notes must be equal.
    """
    if act_id is not None:
        return given.act_id == act_id
    words = NoteWords.objects.filter(note_id=given.note_id).values_list("words", flat=True).first()
    return (words or "") == stripped(note)


def _require_shown(
    case: Case, given: StoredAssignment | None, shown: str | None, now: datetime
) -> None:
    known = record_of(given) if given else None
    if shown is None or is_shown(shown, case.record(), known, now=now):
        return
    holder = _in_charge(case, given, now)
    names = person_names(person_ids=[holder] if holder else [])
    if holder is None:
        raise Refusal("assignment", "FREED")
    raise Refusal("assignment", "CHANGED", person=names.get(holder, ""))


def _eligible(desk_id: int, now: datetime) -> dict[UUID, str]:
    return list_colleagues(action="report.claim", desk_ids=[desk_id], now=now)[desk_id]


def _give(case: Case, to: UUID, *, by: Actor, now: datetime, **more: Any) -> StoredAssignment:
    """Store and return an assignment of a locked report to a person (`to`); end the claim of the report, if
    any.

    `by` makes the assignment. `more` are further columns of the row by name, such as `note_id`.
    """
    _release(case)
    assignment_id = new_id(now)
    columns = {"former_id": None, "handed_over": False, "act_id": assignment_id} | more
    return StoredAssignment.objects.create(
        id=assignment_id,
        report_id=case.report_id,
        desk_id=case.desk_id,
        person_id=to,
        made_by=by.person_id,
        made_at=now,
        **columns,
    )


def _release(case: Case) -> None:
    """Release the claim of a locked report, if there is one."""
    if case.state != CaseState.CLAIMED:
        return
    target = CASE_STATES.apply(CaseState.CLAIMED, "release")
    Case.objects.filter(report_id=case.report_id).update(
        state=target, claimed_by=None, lease_until=None
    )


def _end(given: StoredAssignment, transition: str, *, by: UUID, now: datetime) -> None:
    state = ASSIGNMENT_STATES.apply(record_of(given).state, transition)
    StoredAssignment.objects.filter(id=given.id).update(
        ended_at=max(now, given.made_at), ended_by=by, outcome=state
    )


def _report(report_id: UUID) -> ObjectRef:
    return ObjectRef(kind="report", id=report_id)


def _person(person_id: UUID) -> ObjectRef:
    return ObjectRef(kind="person", id=person_id)


def may_assign(*, actor: Actor, desk_id: int) -> bool:
    """Return whether the actor may assign any report of a desk, not only those in their charge."""
    return allows(actor, "report.assign", Resource(desk_id=desk_id)).allowed
