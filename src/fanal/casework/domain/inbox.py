"""The inbox of one kind of official act: to send, sent and awaiting an answer, closed; pure."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from heapq import merge
from uuid import UUID

from msgspec import Struct

from fanal.casework.domain.lifecycle import Lifecycle
from fanal.casework.domain.records import Act

LEVELS = ("DANGER", "HIGH", "NORMAL", "LOW")
"""Levels of urgency of an act, the most urgent first; DANGER: its report tells of a child in danger."""
PAGE = 50
"""Acts on a page of an inbox."""
_LONGEST = timedelta(days=400)
"""No deadline of the desk is longer."""
_NEVER = datetime.max.replace(tzinfo=UTC)

Deadline = Callable[[str, str, datetime], datetime | None]
"""Return the deadline of an act from its state, its level and the start of its clock; None without one."""


class InboxTab(StrEnum):
    """The parts of an inbox of official acts.

    TO_SEND: not yet sent. AWAITED: sent, with an answer awaited. CLOSED: in a final state.
    """

    TO_SEND = "TO_SEND"
    AWAITED = "AWAITED"
    CLOSED = "CLOSED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbox:
    """The inbox of a kind of official act (`lifecycle`).

    `awaited`: the states in which the desk awaits an answer. `deadline` must not decrease when the start of
    the clock is later. That start is the sending in a state of `awaited`, else the draft.
    """

    lifecycle: Lifecycle
    awaited: frozenset[str]
    deadline: Deadline

    def states(self, tab: InboxTab) -> tuple[str, ...]:
        """Return the states of the acts in a tab, in alphabetical order."""
        table = self.lifecycle.states
        final = {str(state) for state in table.final}
        known = {self.lifecycle.initial} | {str(move.target) for move in table.transitions}
        chosen = {
            InboxTab.TO_SEND: known - final - self.awaited,
            InboxTab.AWAITED: self.awaited,
            InboxTab.CLOSED: final,
        }
        return tuple(sorted(chosen[tab]))

    def due_at(self, act: Act) -> datetime | None:
        """Return the desk's deadline for the next step of an act; None when nothing is due."""
        if act.state in self.lifecycle.states.final:
            return None
        start = (act.sent_at or act.created_at) if act.state in self.awaited else act.created_at
        return self.deadline(act.state, act.level, start)

    def late_before(self, state: str, level: str, now: datetime) -> datetime | None:
        """Return the instant such that an act whose clock started before it is late at `now`.

        None if no act in that state, at that level, can be late. Found by bisection, to the second.
        """
        late, timely = now - _LONGEST, now
        first = self.deadline(state, level, late)
        if first is None or first >= now:
            return None
        while timely - late > timedelta(seconds=1):
            middle = late + (timely - late) / 2
            due = self.deadline(state, level, middle)
            if due is not None and due < now:
                late = middle
            else:
                timely = middle
        return late


class InboxFilter(Struct, frozen=True, kw_only=True):
    """What to keep of an inbox: acts to an addressee (code), on a legal basis (code), late, or of a person.

    `person_id`: acts that the person drafted, or of which the person recorded a step.
    """

    addressee: str = ""
    basis: str = ""
    late: bool = False
    person_id: UUID | None = None


class InboxKey(Struct, frozen=True, kw_only=True):
    """The values of an act by which an inbox is ordered.

    `start`: of its clock. `danger`: its report tells of a child in danger.
    """

    id: UUID
    state: str
    level: str
    start: datetime
    danger: bool


class TabCount(Struct, frozen=True, kw_only=True):
    """Number of acts in a tab of an inbox, and how many of them are late."""

    acts: int = 0
    late: int = 0


class InboxPage(Struct, frozen=True, kw_only=True):
    """A page of an inbox: its acts in order, and those whose report tells of a child in danger.

    `oldest`: when the clock started of the act that waits longest, by the filters; None in a closed tab.
    """

    acts: tuple[Act, ...]
    danger: frozenset[UUID]
    oldest: datetime | None


def in_order(keys: Iterable[InboxKey], inbox: Inbox, tab: InboxTab) -> Iterator[UUID]:
    """Yield the ids of acts in the order of a tab, each once.

    To send: child in danger, then the earliest deadline, then the oldest. Awaited: the earliest deadline,
    then the oldest sending. Acts without a deadline come after those with one. Deadlines are computed only
    as far as the caller reads: within a state and level they follow the starts, and these runs are merged.
    """
    runs: dict[tuple[bool, str, str], list[InboxKey]] = {}
    for key in keys:
        runs.setdefault((key.danger, key.state, key.level), []).append(key)
    first = tab is InboxTab.TO_SEND

    def ranked(run: list[InboxKey]) -> Iterator[tuple[bool, datetime, datetime, UUID]]:
        for key in sorted(run, key=lambda one: (one.start, one.id)):
            due = inbox.deadline(key.state, key.level, key.start)
            yield first and not key.danger, due or _NEVER, key.start, key.id

    last = None
    for *_rank, act_id in merge(*map(ranked, runs.values())):
        if act_id != last:
            yield act_id
        last = act_id
