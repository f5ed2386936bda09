"""State machines of a case (a report in the desk's queue) and of an alarm."""

from datetime import datetime
from enum import StrEnum

from fanal.kernel.states import StateTable, move


class CaseState(StrEnum):
    """State of a report's case (its row in the desk's queue); `CASE_STATES` holds the transitions.

    TO_ASSESS: in the queue, nobody has claimed it. CLAIMED: a person has, under a lease. TO_SECOND:
    decided, while a removal request waits for approval by a second person. DECIDED: the newest decision is
    in force; it may be reopened. CLOSED: decided, final. FOLDED: hidden behind an equal report.
    HANDED_OVER: taken by another desk. WITHDRAWN: its sender retracted the report before a decision.
    EXPIRED: erased before a decision.
    """

    TO_ASSESS = "TO_ASSESS"
    CLAIMED = "CLAIMED"
    FOLDED = "FOLDED"
    """Equivalent to another report, the head, which is shown in its place."""
    HANDED_OVER = "HANDED_OVER"
    """Another desk took the report: it acknowledged opening the package that contained it."""
    TO_SECOND = "TO_SECOND"
    DECIDED = "DECIDED"
    CLOSED = "CLOSED"
    WITHDRAWN = "WITHDRAWN"
    EXPIRED = "EXPIRED"
    """Erased at the end of its retention period before anybody decided on it."""


OPEN_STATES = frozenset({CaseState.TO_ASSESS, CaseState.CLAIMED})
DECIDED_STATES = frozenset({CaseState.TO_SECOND, CaseState.DECIDED, CaseState.CLOSED})
"""States in which the newest decision is in force; in any other state there is no decision in force."""

CASE_STATES: StateTable[CaseState] = StateTable(
    name="case",
    initial=CaseState.TO_ASSESS,
    final=frozenset({CaseState.CLOSED, CaseState.WITHDRAWN, CaseState.EXPIRED}),
    transitions=(
        move("claim", OPEN_STATES, CaseState.CLAIMED),
        move("release", {CaseState.CLAIMED}, CaseState.TO_ASSESS),
        move("fold", {CaseState.TO_ASSESS}, CaseState.FOLDED),
        move("unfold", {CaseState.FOLDED}, CaseState.TO_ASSESS),
        move("claim_folded", {CaseState.FOLDED}, CaseState.CLAIMED),
        move(
            "hand_over",
            {CaseState.TO_ASSESS, CaseState.CLAIMED, CaseState.FOLDED},
            CaseState.HANDED_OVER,
        ),
        move("decide", {CaseState.CLAIMED}, CaseState.DECIDED),
        move("decide_with_measure", {CaseState.CLAIMED}, CaseState.TO_SECOND),
        move("settle", {CaseState.TO_SECOND}, CaseState.DECIDED),
        move(
            "reopen",
            {CaseState.TO_SECOND, CaseState.DECIDED, CaseState.HANDED_OVER},
            CaseState.TO_ASSESS,
        ),
        move("close", {CaseState.DECIDED}, CaseState.CLOSED),
        move(
            "withdraw",
            {*OPEN_STATES, CaseState.FOLDED, CaseState.HANDED_OVER},
            CaseState.WITHDRAWN,
        ),
        move(
            "expire",
            {*OPEN_STATES, CaseState.FOLDED, CaseState.HANDED_OVER},
            CaseState.EXPIRED,
        ),
    ),
)


class AlarmState(StrEnum):
    """State of an alarm for a child in danger.

    RAISED: nobody has acknowledged it yet. ESCALATED: nobody acknowledged it in time, so that a second
    e-mail went to the people on duty. ACKNOWLEDGED: a person did.
    """

    RAISED = "RAISED"
    ESCALATED = "ESCALATED"
    ACKNOWLEDGED = "ACKNOWLEDGED"


ALARM_STATES: StateTable[AlarmState] = StateTable(
    name="alarm",
    initial=AlarmState.RAISED,
    final=frozenset({AlarmState.ACKNOWLEDGED}),
    transitions=(
        move("escalate", {AlarmState.RAISED}, AlarmState.ESCALATED),
        move("acknowledge", {AlarmState.RAISED, AlarmState.ESCALATED}, AlarmState.ACKNOWLEDGED),
    ),
)


def alarm_state(*, escalated_at: datetime | None, acknowledged_at: datetime | None) -> AlarmState:
    """Return the state of an alarm from the instants of its escalation and acknowledgement; None: not yet."""
    state = ALARM_STATES.initial
    if escalated_at is not None:
        state = ALARM_STATES.apply(state, "escalate")
    return state if acknowledged_at is None else ALARM_STATES.apply(state, "acknowledge")
