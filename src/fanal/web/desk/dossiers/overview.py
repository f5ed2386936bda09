"""The summary at the top of a dossier's page: kind, gravity, numbers of reports and people, places, dates."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from msgspec import Struct

from fanal.formats.report.records import Person
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.kernel.calendar import paris_day
from fanal.orient.domain.records import Case
from fanal.web.desk.dossiers.timeline import TimelineEvent, TimelineLane, span_of

_LEVELS = ("DANGER", "HIGH", "NORMAL", "LOW")
_SHOWN = 4
_ROLES = ("SUSPECT", "VICTIM")


class WaitingReports(NamedTuple):
    """A state of reports in which somebody must act, with their number."""

    state: str
    number: int


class Overview(Struct, frozen=True, kw_only=True):
    """The summary of a dossier: kinds, services, priority levels, people, dates, and what must be done.

    `kinds` and `levels` are pairs of code and number of reports. `platforms` are the most frequent services,
    `more_platforms` the number of others. `worst`: the report of the highest priority. `people`: number of
    suspects and of victims, as (role, number). `facts` and `received`: first and last day in words.
    `waiting`: numbers of reports that wait for a person; `next_due`: the earliest deadline of these, None
    without any.
    """

    kinds: tuple[tuple[str, int], ...]
    platforms: tuple[str, ...]
    more_platforms: int
    worst: Case | None
    levels: tuple[tuple[str, int], ...]
    people: tuple[tuple[str, int], ...]
    facts: str
    received: str
    waiting: tuple[WaitingReports, ...]
    next_due: datetime | None


def overview_of(
    records: Mapping[UUID, HarmonisedReport],
    cases: Mapping[UUID, Case],
    events: Sequence[TimelineEvent],
    lang: str,
) -> Overview:
    """Return the summary of a dossier from its reports' `records` and `cases` (queue rows), by report id.

    `events` are those of its timeline; texts are in `lang`.
    """
    rows = list(cases.values())
    platforms = [name for name, _n in Counter(c.platform for c in rows if c.platform).most_common()]
    levels = Counter(case.level for case in rows)
    states: Counter[str] = Counter(case.state for case in rows)
    waiting = [case for case in rows if case.state in _WAITING]
    return Overview(
        kinds=tuple(Counter(case.kind for case in rows).most_common()),
        platforms=tuple(platforms[:_SHOWN]),
        more_platforms=max(0, len(platforms) - _SHOWN),
        worst=max(rows, key=lambda case: (-_LEVELS.index(case.level), case.score), default=None),
        levels=tuple((level, levels[level]) for level in _LEVELS[:2] if levels[level]),
        people=people_of(records.values()),
        facts=span_of((e.day for e in events if e.lane is TimelineLane.FACTS), lang),
        received=span_of((paris_day(case.received_at) for case in rows), lang),
        waiting=tuple(WaitingReports(state, states[state]) for state in _WAITING if states[state]),
        next_due=min((case.due_at for case in waiting), default=None),
    )


_WAITING = ("TO_ASSESS", "CLAIMED", "TO_SECOND")
"""States of a report in the queue in which somebody at the desk must act."""


def people_of(records: Iterable[HarmonisedReport]) -> tuple[tuple[str, int], ...]:
    """Return the number of suspects and of victims as (role, number); a role that nobody has is left out.

    People of one role who share an identifier or, without any, a name and a date of birth are counted as one
    (connected components). Everybody else is counted separately, so that the number is an upper bound.
    """
    counts = {}
    for role in _ROLES:
        people = [p for record in records for p in record.persons if p.role == role]
        if people:
            counts[role] = _distinct(people)
    return tuple(counts.items())


def _distinct(people: Sequence[Person]) -> int:
    parent = list(range(len(people)))

    def root(n: int) -> int:
        while parent[n] != n:
            parent[n] = parent[parent[n]]
            n = parent[n]
        return n

    first: dict[tuple[str, ...], int] = {}
    for n, person in enumerate(people):
        for key in _keys(person):
            parent[root(n)] = root(first.setdefault(key, n))
    return sum(parent[n] == n for n in range(len(people)))


def _keys(person: Person) -> set[tuple[str, ...]]:
    keys: set[tuple[str, ...]] = {("handle", h.value, h.platform or "") for h in person.handles}
    keys |= {("account", a.kind, a.value) for a in person.accounts}
    keys |= {("email", value) for value in person.emails}
    keys |= {("phone", value) for value in person.phones}
    keys |= {("device", value) for value in person.devices}
    if not keys and person.name and person.birth_date:
        keys = {("name", person.name.casefold(), person.birth_date)}
    return keys
