"""States of an item and of a package; those of a package follow from which of its instants are set."""

from datetime import datetime, timedelta
from enum import StrEnum

from fanal.kernel.states import StateTable, move

# Why a package, an answer or a key is not taken.


class PackageRefused(ValueError):
    """Nothing was taken; the text is a code, `parameters` what its sentence quotes.

    KEY, SEALED_FOR_ANOTHER, TOO_LARGE, NO_PACKAGE, CHANGED, RECIPIENT, SIGNATURE; and, where it is taken:
    UNSIGNED, UNKNOWN, REVOKED, INSTANT, FUTURE, TAKEN, SECOND.
    """

    def __init__(self, code: str, **parameters: str) -> None:
        super().__init__(code)
        self.code, self.parameters = code, parameters


class ItemState(StrEnum):
    """Where a report stands on its way to one destination."""

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
    """Where a package of reports for another desk stands; OVERDUE: not acknowledged by its date."""

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
    """Return until when a desk is expected to acknowledge a package: `days` times 24 hours."""
    return made_at + timedelta(days=days)


def package_state(
    *, due_at: datetime, acknowledged_at: datetime | None, now: datetime
) -> PackageState:
    """Return the state of a package at `now`, from its instants."""
    state = PACKAGE_STATES.initial
    if now >= due_at:
        state = PACKAGE_STATES.apply(state, "wait")
    return state if acknowledged_at is None else PACKAGE_STATES.apply(state, "acknowledge")
