"""Acts on several reports at once, selected in the queue, and the reasons why an act leaves out a report."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from fanal.orient.domain.records import Case
from fanal.orient.domain.states import OPEN_STATES

MOST = 1000
"""Most reports of one selection."""
MOST_CLAIMED = 50
"""Most reports that a person claims in one act: a claim lasts fifteen minutes."""
_NOBODY = UUID(int=0)


class SelectionAct(StrEnum):
    """Act on each selected report of the queue.

    CLAIM, RELEASE: the person's own claim. ASSIGN: put a person in charge; TAKE_BACK: end such an
    assignment. ATTACH: to a dossier. CLOSE: decide that no action is needed. FEEDBACK: to the provider that
    sent it.
    """

    CLAIM = "CLAIM"
    RELEASE = "RELEASE"
    ASSIGN = "ASSIGN"
    TAKE_BACK = "TAKE_BACK"
    ATTACH = "ATTACH"
    CLOSE = "CLOSE"
    FEEDBACK = "FEEDBACK"


class LeftOut(StrEnum):
    """Reason why an act leaves out a selected report.

    GONE: unknown, or outside the person's desks. DECIDED: it waits for no claim or decision. HELD: another
    person has claimed it. YOURS, NOT_YOURS: the person has claimed it already, or not. DANGER, ANSWERED: a
    child in danger, or an unread answer of the reporter: such a report is never decided together with others.
    PUBLIC: no provider sent it. IN_DOSSIER: it is in a dossier already. BEYOND: over the limit of reports
    that can be claimed at once. ROOM: over the limit of reports in one judgement on a dossier. ASSIGNED,
    NOT_ASSIGNED: a colleague is in charge of it, or nobody. NOT_BY_YOU: a colleague assigned it. THEIRS: the
    chosen colleague is in charge of it already; NOT_THEIR_DESK: they may not work at its desk. CHANGED:
    refused because it changed meanwhile.
    """

    GONE = "GONE"
    DECIDED = "DECIDED"
    HELD = "HELD"
    YOURS = "YOURS"
    NOT_YOURS = "NOT_YOURS"
    DANGER = "DANGER"
    ANSWERED = "ANSWERED"
    PUBLIC = "PUBLIC"
    IN_DOSSIER = "IN_DOSSIER"
    BEYOND = "BEYOND"
    ROOM = "ROOM"
    ASSIGNED = "ASSIGNED"
    NOT_ASSIGNED = "NOT_ASSIGNED"
    NOT_BY_YOU = "NOT_BY_YOU"
    THEIRS = "THEIRS"
    NOT_THEIR_DESK = "NOT_THEIR_DESK"
    CHANGED = "CHANGED"


class Given(Struct, frozen=True, kw_only=True):
    """The assignment of a report, as an act on a selection needs it.

    `person_id`: the assignee, None for nobody; `made_by`: who assigned it. `assigns`: the actor may assign
    any report of the desk. `kept`: the report is reserved for the assignee, so that the actor must not claim
    it (`assignment.domain.is_kept_from`).
    """

    person_id: UUID | None = None
    made_by: UUID | None = None
    assigns: bool = False
    kept: bool = False


FREE = Given()


def left_out(
    act: SelectionAct,
    case: Case | None,
    *,
    person_id: UUID,
    answers: int,
    now: datetime,
    in_dossier: bool = False,
    given: Given = FREE,
) -> LeftOut | None:
    """Return why an act of a person leaves a report out, or None where it applies.

    `case`: the report's row in the queue, None for a report that the person may not see; `answers`: number of
    its reporter's answers that nobody has read; `in_dossier`: whether it is in a dossier; `given`: its
    assignment. Claims count until their end, compared with `now`.
    """
    if case is None:
        return LeftOut.GONE
    if act is SelectionAct.ATTACH:
        return LeftOut.IN_DOSSIER if in_dossier else None
    if act is SelectionAct.FEEDBACK:
        return LeftOut.PUBLIC if case.sender_id == _NOBODY else None
    if case.state not in OPEN_STATES:
        return LeftOut.DECIDED
    if held := _by_holder(act, case.held_by(now), person_id, given):
        return held
    return decided_alone(case, answers) if act is SelectionAct.CLOSE else None


def _by_holder(
    act: SelectionAct, holder: UUID | None, person_id: UUID, given: Given
) -> LeftOut | None:
    """Return why an act leaves a report out because of the person in charge of it, or None where the act
    applies.

    `holder` has claimed the report (None: nobody), `given` is its assignment, `person_id` the person who
    acts.
    """
    own = person_id in {holder, given.person_id}
    if act is SelectionAct.RELEASE:
        return None if own else LeftOut.NOT_YOURS
    if act is SelectionAct.TAKE_BACK:
        return _untakeable(holder, person_id, given)
    if holder not in {None, person_id}:
        return LeftOut.HELD
    if act is SelectionAct.ASSIGN:
        return None if given.assigns or own else LeftOut.NOT_YOURS
    if act is SelectionAct.CLAIM and holder == person_id:
        return LeftOut.YOURS
    return LeftOut.ASSIGNED if given.kept else None


def _untakeable(holder: UUID | None, person_id: UUID, given: Given) -> LeftOut | None:
    """Return why a person cannot withdraw an assignment, or None if they can.

    NOT_ASSIGNED: there is none; HELD: `holder` has claimed the report; NOT_BY_YOU: a colleague made the
    assignment.
    """
    if given.person_id is None:
        return LeftOut.NOT_ASSIGNED
    if holder is not None:
        return LeftOut.HELD
    return None if given.assigns or given.made_by == person_id else LeftOut.NOT_BY_YOU


def decided_alone(case: Case, answers: int) -> LeftOut | None:
    """Return why a report must not be decided together with others, or None if it may be.

    DANGER: a child in danger; ANSWERED: `answers`, the number of its reporter's unread answers, is not 0.
    """
    if case.level == "DANGER":
        return LeftOut.DANGER
    return LeftOut.ANSWERED if answers else None
