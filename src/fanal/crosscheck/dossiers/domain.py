"""Dossiers (groups of reports that belong together) from links and judgements, and the series in them.

All is pure and can be recomputed. Precedence: a later judgement beats an earlier one, a judgement beats a
proposal, a stronger link comes before a weaker one. Only certain links are proposals. The size of a dossier
is unbounded: a bound would make the result depend on the order of arrival (ADR 0031).

States of a dossier: links propose it, people open and close it. Each transition is a judgement.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from uuid import UUID, uuid5

from msgspec import Struct

from fanal.crosscheck.domain.cards import mark_of
from fanal.crosscheck.domain.hubs import is_empty_name
from fanal.crosscheck.domain.names import words_of
from fanal.crosscheck.domain.records import DossierState, JudgementAct
from fanal.crosscheck.domain.weights import Mark
from fanal.formats.report.records import PersonRole
from fanal.harmonise.domain.records import (
    HarmonisedReport,
    Selector,
    SelectorKind,
    SelectorRole,
)
from fanal.kernel.calendar import paris_day, read_aware
from fanal.kernel.ids import instant_of
from fanal.kernel.states import StateTable, move

_NAMESPACE = UUID("8d6f6f7e-1f0a-5c53-9d3b-3a3f3f5d6c1a")


class Judgement(Struct, frozen=True, kw_only=True):
    """A person's append-only judgement on the reports `left` and `right`; ids increase with time.

    What the two sides mean depends on `act` (`JudgementAct`): two linked sets, two dossiers, or `left` alone.
    `undoes` is the judgement that an UNDO revokes. `author_id` and `made_at` (who, when) are None where they
    are not needed.
    """

    id: UUID
    act: JudgementAct
    left: tuple[UUID, ...]
    right: tuple[UUID, ...] = ()
    undoes: UUID | None = None
    author_id: UUID | None = None
    made_at: datetime | None = None


class Strong(Struct, frozen=True, kw_only=True):
    """A certain link between two reports: the proposal that they share a dossier.

    `one` and `two` are the ids of the reports, `score` is 0.9 to 1.
    """

    one: UUID
    two: UUID
    score: float


class _Groups:
    """Union-find over reports with cannot-link constraints: groups that a person separated never join."""

    def __init__(self, reports: Iterable[UUID]) -> None:
        self._parent = {report: report for report in reports}
        self._sides: dict[UUID, dict[UUID, frozenset[str]]] = {
            report: {} for report in self._parent
        }

    def mark(self, report: UUID, judgement: UUID, side: str) -> None:
        """Record a report's side (any label) in a person's separating judgement (SPLIT, REJECT).

        Groups on different sides of the same judgement cannot be joined.
        """
        sides = self._sides[report]
        sides[judgement] = sides.get(judgement, frozenset()) | {side}

    def find(self, report: UUID) -> UUID:
        """Return the representative of a report's group."""
        # Each report is a single object here, so that identity, which is cheap, implies equality.
        parent = self._parent[report]
        while (above := self._parent[parent]) is not parent:
            self._parent[report] = above
            report, parent = parent, above
        return parent

    def join(self, one: UUID, two: UUID, *, after: UUID | None = None) -> bool:
        """Join two reports' groups unless a person's judgement after `after` (None: any) separates them.

        Returns whether the two reports are in the same group now.
        """
        a, b = self.find(one), self.find(two)
        if a is b:
            return True
        if b < a:
            a, b = b, a
        left, right = self._sides[a], self._sides[b]
        common = left.keys() & right.keys()
        # A group joined by a later judgement holds several sides of it: they no longer separate.
        apart = [j for j in common if not (left[j] <= right[j] or right[j] <= left[j])]
        if any(after is None or j > after for j in apart):
            return False
        self._parent[b] = a
        if right:
            self._sides[a] = left | right | {j: left[j] | right[j] for j in common}
        return True

    def members(self) -> dict[UUID, list[UUID]]:
        """Return the reports of each group in ascending order, by the group's smallest report."""
        groups: dict[UUID, list[UUID]] = {}
        for report in sorted(self._parent):
            groups.setdefault(self.find(report), []).append(report)
        return {reports[0]: reports for reports in groups.values()}


def dossier_id(anchor: UUID) -> UUID:
    """Return the id of the dossier whose earliest report is `anchor` (UUID version 5, so always the same)."""
    return uuid5(_NAMESPACE, str(anchor))


def effective(judgements: Iterable[Judgement]) -> list[Judgement]:
    """Return people's judgements in force, oldest first: neither UNDO judgements nor those revoked by one.

    An UNDO that is itself revoked has no effect: newer judgements are evaluated first.
    """
    undone: set[UUID] = set()
    kept = []
    for judgement in sorted(judgements, key=lambda j: j.id, reverse=True):
        if judgement.id in undone:
            continue
        if judgement.act is JudgementAct.UNDO:
            if judgement.undoes is not None and judgement.undoes < judgement.id:
                undone.add(judgement.undoes)
        else:
            kept.append(judgement)
    return kept[::-1]


def membership(
    reports: Iterable[UUID], proposals: Iterable[Strong], judgements: Iterable[Judgement]
) -> dict[UUID, UUID]:
    """Return by report the earliest report (anchor) of its dossier; reports without dossier are absent.

    `proposals` are the certain links; those with a report outside `reports` are ignored. `judgements` are
    people's, in any order; they prevail over links. Pure and independent of the order of its arguments.
    """
    counted = effective(judgements)
    known = set(reports)
    groups = _Groups(known)
    for judgement in counted:
        _constrain(groups, judgement, known)
    for judgement in reversed(counted):
        if judgement.act in (JudgementAct.LINK, JudgementAct.MERGE):
            _join_all(groups, judgement, known)
    cut = _cut_pairs(counted)
    for strong in sorted(proposals, key=lambda s: (-s.score, *sorted((s.one, s.two)))):
        pair = frozenset((strong.one, strong.two))
        if pair <= known and pair not in cut:
            groups.join(strong.one, strong.two)
    return {
        report: anchor
        for anchor, members in groups.members().items()
        if len(members) > 1
        for report in members
    }


def grow(
    proposals: Iterable[Strong], anchors: Mapping[UUID, UUID], sizes: Mapping[UUID, int]
) -> dict[UUID, UUID]:
    """Join reports and dossiers by certain links (`proposals`); return the new dossier of each.

    A dossier is given by its anchor, its earliest report. `anchors` maps each linked report already in a
    dossier to its anchor; the keys of `sizes` are these anchors (the values are not used). The result maps
    each linked report, and each former anchor, to the new anchor. Without judgements it equals that of
    `membership` on all links.
    """
    strongest = sorted(proposals, key=lambda s: (-s.score, s.one.int, s.two.int))
    ends = {end for strong in strongest for end in (strong.one, strong.two)}
    units = {end: anchors.get(end, end) for end in ends}
    groups = _Groups(units.values())
    for strong in strongest:
        groups.join(units[strong.one], units[strong.two])
    sets = groups.members()
    alone = {one for one, members in sets.items() if len(members) == 1 and one not in sizes}
    found = {end: groups.find(unit) for end, unit in units.items()}
    found |= {anchor: groups.find(anchor) for anchor in sizes}
    return {report: anchor for report, anchor in found.items() if anchor not in alone}


def connected(
    proposals: Iterable[Strong], anchors: Mapping[UUID, UUID], seeds: Iterable[UUID]
) -> set[UUID]:
    """Return the reports of `proposals` (certain links) that are connected with a seed, directly or not.

    `anchors` maps each of these reports already in a dossier to the dossier's earliest report, its anchor;
    all reports of a dossier are connected. A seed is a report of `proposals` or an anchor.
    """
    pairs = [(anchors.get(s.one, s.one), anchors.get(s.two, s.two), s) for s in proposals]
    starts = set(seeds)
    groups = _Groups(starts.union(*((one, two) for one, two, _ in pairs)))
    for one, two, _ in pairs:
        groups.join(one, two)
    reached = {groups.find(start) for start in starts}
    return {end for one, _, s in pairs if groups.find(one) in reached for end in (s.one, s.two)}


def still_apart(
    pairs: Iterable[tuple[UUID, UUID]], joins: Iterable[tuple[UUID, UUID]]
) -> list[tuple[UUID, UUID]]:
    """Return the pairs whose two reports the edges `joins` do not connect, neither directly nor by others."""
    asked, given = list(pairs), list(joins)
    groups = _Groups(end for pair in (*asked, *given) for end in pair)
    for one, two in given:
        groups.join(one, two)
    return [pair for pair in asked if groups.find(pair[0]) is not groups.find(pair[1])]


def _constrain(groups: _Groups, judgement: Judgement, known: set[UUID]) -> None:
    if judgement.act is JudgementAct.SPLIT:
        for side, reports in (("L", judgement.left), ("R", judgement.right)):
            for report in known.intersection(reports):
                groups.mark(report, judgement.id, side)
    elif judgement.act is JudgementAct.REJECT:
        for report in known.intersection(judgement.left):
            groups.mark(report, judgement.id, str(report))


def _join_all(groups: _Groups, judgement: Judgement, known: set[UUID]) -> None:
    ends = sorted(known.intersection((*judgement.left, *judgement.right)))
    for one, two in pairwise(ends):
        groups.join(one, two, after=judgement.id)


def _cut_pairs(judgements: Sequence[Judgement]) -> set[frozenset[UUID]]:
    """Return the pairs of reports whose link no longer counts: the last LINK or UNLINK about a pair decides.

    `judgements` are those in force (not undone), oldest first.
    """
    cut: set[frozenset[UUID]] = set()
    for judgement in judgements:
        if judgement.act in (JudgementAct.LINK, JudgementAct.UNLINK):
            pairs = {frozenset((a, b)) for a in judgement.left for b in judgement.right}
            cut = cut | pairs if judgement.act is JudgementAct.UNLINK else cut - pairs
    return cut


DOSSIER_STATES: StateTable[DossierState] = StateTable(
    name="dossier",
    initial=DossierState.PROPOSED,
    final=frozenset(),
    transitions=(
        move("open", {DossierState.PROPOSED}, DossierState.OPEN),
        move("close", {DossierState.OPEN}, DossierState.CLOSED),
        move("reopen", {DossierState.CLOSED}, DossierState.OPEN),
    ),
)
_MOVES = {JudgementAct.OPEN: ("open", "reopen"), JudgementAct.CLOSE: ("close",)}
"""Transitions that each judgement act can cause."""


def move_of(state: DossierState, act: JudgementAct) -> str | None:
    """Return the name of the transition that a judgement `act` causes in a dossier of `state`, or None."""
    allowed = DOSSIER_STATES.moves_from(state)
    return next((name for name in _MOVES.get(act, ()) if name in allowed), None)


def next_act(state: DossierState) -> JudgementAct:
    """Return the kind of judgement that a dossier's state allows next: OPEN or CLOSE."""
    return next(act for act in _MOVES if move_of(state, act))


def conduct_of(judgements: Iterable[Judgement]) -> Judgement | None:
    """Return the last judgement, not undone, that opened or closed a dossier; None if only proposed.

    `judgements` are all that name a report of the dossier: after a merge, those on both former dossiers
    count.
    """
    moves = [j for j in effective(judgements) if j.act in (JudgementAct.OPEN, JudgementAct.CLOSE)]
    return moves[-1] if moves else None


def state_of(conduct: Judgement | None) -> DossierState:
    """Return the state of a dossier after its last judgement OPEN or CLOSE (`conduct`); PROPOSED for None."""
    if conduct is None:
        return DossierState.PROPOSED
    return DossierState.OPEN if conduct.act is JudgementAct.OPEN else DossierState.CLOSED


# Series and repeat offenders among the reports of a dossier: one suspect, several events.
#
# A suspect is a set of identifiers: two reports name the same one if they share an identifier that one person
# uses (e-mail address, telephone number, user name, account, device), a suspect's, stated in a field.

Identifier = tuple[SelectorKind, str]
_Mark = tuple[SelectorKind | None, str]
"""An identifier, or a word of a name (kind None)."""
_PERSONAL = frozenset(
    {
        Mark.EMAIL,
        Mark.MOBILE,
        Mark.LANDLINE,
        Mark.IBAN,
        Mark.WALLET,
    }
)
"""Weight classes of identifiers that one person uses, besides most user names and devices."""
_OF_ONE_DEVICE = (10, 3)
"""Least number of characters and of digits of a device's own identifier: a model (`iPhone 12`) has fewer."""
_SEVERAL = 2


class Series(Struct, frozen=True, kw_only=True):
    """A suspect who occurs in several reports: on several days, with several victims, or after a referral.

    `identifiers` are the suspect's, the one in most reports first; `reports` are in the order of their
    events, `first` and `last` the times of the earliest and the latest (of receipt, where the facts have no
    date). `victims` is the number of victims; two with a common identifier or word of a name count as one.
    `referred` are the reports that the desk referred to the justice system, with the time of sending, oldest
    first. `again` are the reports of facts after the first of these times: the suspect is a repeat offender.
    Facts dated after the receipt of their report (announced ones) do not count.
    """

    identifiers: tuple[Identifier, ...]
    reports: tuple[UUID, ...]
    first: datetime
    last: datetime
    victims: int
    referred: tuple[tuple[UUID, datetime], ...]
    again: tuple[UUID, ...]


def series_in(
    records: Iterable[HarmonisedReport], *, referred: Mapping[UUID, datetime]
) -> list[Series]:
    """Return the series among the reports of a dossier: repeat offenders first, then by number of reports.

    `records` are these reports. `referred` maps report ids to the time at which a referral to the justice
    system was sent; other reports are absent.
    """
    by_id = {record.report_id: record for record in records}
    victims: dict[UUID, set[int]] = defaultdict(set)
    for number, victim in enumerate(_persons(by_id.values(), PersonRole.VICTIM)):
        for report_id in victim.reports:
            victims[report_id].add(number)
    found = []
    for suspect in _persons(by_id.values(), PersonRole.SUSPECT):
        if len(suspect.reports) < _SEVERAL:
            continue
        events = sorted((_time_of(by_id[i]), i) for i in suspect.reports)
        against = len(set[int]().union(*(victims[i] for i in suspect.reports)))
        series = _series(suspect, events, by_id, victims=against, referred=referred)
        if series.again or against >= _SEVERAL or _apart(by_id[i] for _, i in events):
            found.append(series)
    return sorted(found, key=lambda one: (not one.again, -len(one.reports), one.first))


class _OnePerson:
    """A person joined across `reports` by shared identifiers or words of a name.

    `marks` counts the reports with each such identifier or word.
    """

    def __init__(self) -> None:
        self.marks: Counter[_Mark] = Counter()
        self.reports: set[UUID] = set()


def _persons(records: Iterable[HarmonisedReport], role: PersonRole) -> list[_OnePerson]:
    """Return the persons of a role with a mark (identifier, word of a name), each with all their reports."""
    held: dict[_Mark, _OnePerson] = {}
    for record in records:
        for marks in _marks(record, role):
            same = {id(held[mark]): held[mark] for mark in marks if mark in held}
            person = max(same.values(), key=lambda one: len(one.marks), default=_OnePerson())
            for other in same.values():
                if other is not person:
                    person.marks.update(other.marks)
                    person.reports |= other.reports
                    held.update(dict.fromkeys(other.marks, person))
            person.marks.update(marks)
            person.reports.add(record.report_id)
            held.update(dict.fromkeys(marks, person))
    return list({id(person): person for person in held.values()}.values())


def _marks(record: HarmonisedReport, role: PersonRole) -> Iterator[set[_Mark]]:
    """Yield what identifies each person of a role: identifiers, and the words of a victim's name.

    Victims who share a word of their names count as one: a first name alone is often all that is known.
    """
    found: dict[str, set[_Mark]] = defaultdict(set)
    of_role = SelectorRole(role.value)
    for selector in record.selectors:
        if selector.role is of_role and not selector.weak and _is_personal(selector):
            found[selector.source.rpartition(".")[0]].add((selector.kind, selector.value))
    if role is PersonRole.VICTIM:
        for number, person in enumerate(record.persons):
            if person.role is role and person.name and not is_empty_name(person.name):
                words = {(None, word) for word in words_of(person.name) if len(word) > 1}
                found[f"persons[{number}]"] |= words
    yield from found.values()


def _is_personal(selector: Selector) -> bool:
    """Return whether one person uses this identifier: no placeholder, common user name or model of a
    device.

    A user name counts with its service only. One that contains spaces does not count: it is a remark in
    place of a name (`je ne sais pas`).
    """
    mark, value = mark_of(selector), selector.value
    if mark is Mark.HANDLE:
        return not any(map(str.isspace, value))
    if mark is Mark.DEVICE:
        signs, digits = sum(map(str.isalnum, value)), sum(map(str.isdecimal, value))
        return signs >= _OF_ONE_DEVICE[0] and digits >= _OF_ONE_DEVICE[1] and " " not in value
    return mark in _PERSONAL


def _time_of(record: HarmonisedReport) -> datetime:
    """Return the earliest time of a report's facts, or that of its receipt if they have no date."""
    return _dated(record) or instant_of(record.report_id)


def _apart(records: Iterable[HarmonisedReport]) -> bool:
    """Return whether two of the reports have facts that cannot be of one day in Paris."""
    days = [
        (paris_day(first), paris_day(last))
        for record in records
        if record.occurred
        if (first := read_aware(record.occurred.earliest))
        if (last := read_aware(record.occurred.latest))
    ]
    return bool(days) and max(first for first, _ in days) > min(last for _, last in days)


def _dated(record: HarmonisedReport) -> datetime | None:
    return read_aware(record.occurred.earliest) if record.occurred else None


def _series(
    suspect: _OnePerson,
    events: list[tuple[datetime, UUID]],
    by_id: Mapping[UUID, HarmonisedReport],
    *,
    victims: int,
    referred: Mapping[UUID, datetime],
) -> Series:
    """Return a suspect's series from its `events`, (time, report id) in order of time.

    `suspect` is the person joined across these reports; `victims` is their number of victims, `referred` maps
    a report to the time at which its referral was sent.
    """
    sent = sorted((referred[i], i) for _, i in events if i in referred)
    later = [
        i
        for _, i in events
        if sent and (at := _dated(by_id[i])) is not None and sent[0][0] < at <= instant_of(i)
    ]
    marks = sorted(suspect.marks.items(), key=lambda held: (-held[1], held[0]))
    return Series(
        identifiers=tuple((kind, value) for (kind, value), _ in marks if kind is not None),
        reports=tuple(i for _, i in events),
        first=events[0][0],
        last=events[-1][0],
        victims=victims,
        referred=tuple((i, at) for at, i in sent),
        again=tuple(later),
    )
