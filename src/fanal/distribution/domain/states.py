"""State tables of an item (a report for one destination) and of a package of reports.

A package's state is computed from its dates, not stored.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from fanal.kernel.states import StateTable, move

# The error of every refused package, acknowledgement or key.


class ItemState(StrEnum):
    """The states of an item, a report for one destination (another country or region).

    PLANNED: to be sent. SENT: in a package. ACKNOWLEDGED: the recipient confirmed the package. DROPPED: it
    may no longer be sent.
    """

    PLANNED = "PLANNED"
    SENT = "SENT"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    DROPPED = "DROPPED"


ITEM_STATES: StateTable[ItemState] = StateTable(
    name="item",
    initial=ItemState.PLANNED,
    final=frozenset({ItemState.ACKNOWLEDGED, ItemState.DROPPED}),
    transitions=(
        move("send", {ItemState.PLANNED}, ItemState.SENT),
        move("drop", {ItemState.PLANNED}, ItemState.DROPPED),
        move("acknowledge", {ItemState.SENT}, ItemState.ACKNOWLEDGED),
    ),
)


class PackageState(StrEnum):
    """The states of a package of reports for another desk.

    SENT: waits for the acknowledgement. OVERDUE: not acknowledged in time. ACKNOWLEDGED: the desk confirmed
    that it decrypted the package.
    """

    SENT = "SENT"
    OVERDUE = "OVERDUE"
    ACKNOWLEDGED = "ACKNOWLEDGED"


PACKAGE_STATES: StateTable[PackageState] = StateTable(
    name="package",
    initial=PackageState.SENT,
    final=frozenset({PackageState.ACKNOWLEDGED}),
    transitions=(
        move("wait", {PackageState.SENT}, PackageState.OVERDUE),
        move("acknowledge", {PackageState.SENT, PackageState.OVERDUE}, PackageState.ACKNOWLEDGED),
    ),
)


def answer_due(made_at: datetime, *, days: int) -> datetime:
    """Return the deadline for the acknowledgement of a package: `days` times 24 hours after `made_at`."""
    return made_at + timedelta(days=days)


def package_state(
    *, due_at: datetime, acknowledged_at: datetime | None, now: datetime
) -> PackageState:
    """Return the state of a package at `now`: acknowledged, else overdue from `due_at` on, else sent."""
    state = PACKAGE_STATES.initial
    if now >= due_at:
        state = PACKAGE_STATES.apply(state, "wait")
    return state if acknowledged_at is None else PACKAGE_STATES.apply(state, "acknowledge")
