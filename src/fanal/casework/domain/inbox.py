"""The inbox of one kind of official act, in three tabs: to send, awaiting an answer, closed. Pure."""

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
    """The inbox of a kind of official act (`lifecycle`), with the deadlines of its acts.

    `awaited` are the states in which the desk awaits an answer. `deadline` returns the desk's deadline from
    an act's state, its urgency and the start of its clock, None without one; it must not decrease when the
    start is later. The clock starts with the sending in a state of `awaited`, else with the draft.
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
        """Return the latest start of the clock for which an act in this state is past its deadline at `now`.

        `level` is the act's urgency. None if no such act can be late. The result is exact to the second.
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
    """A filter of an inbox; empty values select everything.

    `addressee` and `basis` (legal basis) are codes. `late` selects acts past their deadline, `person_id` the
    acts that the person drafted or of which the person recorded a step; None: of anybody.
    """

    addressee: str = ""
    basis: str = ""
    late: bool = False
    person_id: UUID | None = None


class InboxKey(Struct, frozen=True, kw_only=True):
    """The values of an official act by which an inbox is ordered.

    `start` is when the act's clock started (`Inbox`), `level` its urgency; `danger`: its report is about a
    child in danger.
    """

    id: UUID
    state: str
    level: str
    start: datetime
    danger: bool


class TabCount(Struct, frozen=True, kw_only=True):
    """The number of acts in a tab of an inbox (`acts`), and of those past their deadline (`late`)."""

    acts: int = 0
    late: int = 0


class InboxPage(Struct, frozen=True, kw_only=True):
    """A page of an inbox: its acts in order.

    `danger` holds the ids of the acts whose report is about a child in danger. `oldest` is the earliest start
    of the clock among all acts that match the filters; None in the tab of closed acts.
    """

    acts: tuple[Act, ...]
    danger: frozenset[UUID]
    oldest: datetime | None


def in_order(keys: Iterable[InboxKey], inbox: Inbox, tab: InboxTab) -> Iterator[UUID]:
    """Yield the ids of official acts in the order of an inbox tab, each once.

    `keys` are the acts' sort values. To send: child in danger, then the earliest deadline, then the oldest.
    Awaited: the earliest deadline, then the oldest sending. Acts without a deadline come after those with
    one. Deadlines are computed only as far as the caller reads: within a state and level they follow the
    starts, and these runs are merged.
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
