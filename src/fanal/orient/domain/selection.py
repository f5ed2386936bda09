"""Acts on several reports at once, selected in the queue, and which of the reports each leaves out."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from fanal.orient.domain.records import Case
from fanal.orient.domain.states import OPEN_STATES

MOST = 1000
"""Most reports of one selection."""
MOST_CLAIMED = 50
"""Most reports that a person claims in one act: a claim lasts fifteen minutes."""
_NOBODY = UUID(int=0)


class SelectionAct(StrEnum):
    """Act on each selected report: claim, release, attach to a dossier, close without action, feedback."""

    CLAIM = "CLAIM"
    RELEASE = "RELEASE"
    ATTACH = "ATTACH"
    CLOSE = "CLOSE"
    FEEDBACK = "FEEDBACK"


class LeftOut(StrEnum):
    """Why an act leaves out a selected report.

    GONE: unknown, or outside the person's desks. DECIDED: it waits for no claim or decision. HELD: another
    person has claimed it. YOURS, NOT_YOURS: the person has claimed it already, or not. DANGER, ANSWERED: a
    child in danger, an answer that nobody has read: a person decides on each alone. PUBLIC: no provider sent
    it. IN_DOSSIER: it is in a dossier already. BEYOND: more than can be claimed at once. ROOM: more than one
    judgement on a dossier names. CHANGED: refused because it changed meanwhile.
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
    CHANGED = "CHANGED"


def left_out(
    act: SelectionAct,
    case: Case | None,
    *,
    person_id: UUID,
    answers: int,
    now: datetime,
    in_dossier: bool = False,
) -> LeftOut | None:
    """Return why an act of a person leaves a report out, or None where it applies.

    `case`: the report's row in the queue, None for a report that the person may not see; `answers`: number of
    its reporter's answers that nobody has read; `in_dossier`: whether it is in a dossier. Claims count until
    their end, compared with `now`.
    """
    if case is None:
        return LeftOut.GONE
    if act is SelectionAct.ATTACH:
        return LeftOut.IN_DOSSIER if in_dossier else None
    if act is SelectionAct.FEEDBACK:
        return LeftOut.PUBLIC if case.sender_id == _NOBODY else None
    if case.state not in OPEN_STATES:
        return LeftOut.DECIDED
    if held := _by_holder(act, case.held_by(now), person_id):
        return held
    return decided_alone(case, answers) if act is SelectionAct.CLOSE else None


def _by_holder(act: SelectionAct, holder: UUID | None, person_id: UUID) -> LeftOut | None:
    if act is SelectionAct.RELEASE:
        return None if holder == person_id else LeftOut.NOT_YOURS
    if holder not in {None, person_id}:
        return LeftOut.HELD
    return LeftOut.YOURS if act is SelectionAct.CLAIM and holder == person_id else None


def decided_alone(case: Case, answers: int) -> LeftOut | None:
    """Return why a person decides on a report alone: DANGER, or ANSWERED with unread `answers`; else None."""
    if case.level == "DANGER":
        return LeftOut.DANGER
    return LeftOut.ANSWERED if answers else None
