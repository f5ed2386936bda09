"""Labels (true dossiers): single incidents, offenders with several reports, rings named in one report."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from benchmarks.second_world import desks
from benchmarks.second_world.desks import DESKS, UNTOLD
from benchmarks.second_world.facts import Draft, Fact
from benchmarks.second_world.lives import Life
from benchmarks.second_world.names import Civil
from benchmarks.second_world.stock import Stock
from benchmarks.second_world.ties import Offender, Tie

SPAN = 420 * 86_400
"""Seconds that the world lasts."""
_DAY = 86_400
_NOTHING = 0.012
"""Share of a careful offender's reports that contain nothing which joins them to the label."""
_UNSHARED = 0.1
"""Share of those without shared values that stay so; the others give some values of earlier reports."""
_LASTING = frozenset(
    (
        "account", "email", "phone", "money", "device", "person", "page", "short_link", "room", "file",
        "words",
    )
)  # fmt: skip
"""Kinds of values by which a report may name an offender long after an earlier report."""
_OWN = ("account", "email", "phone", "money", "device", "person")
_CAREFUL = 0.14
"""Share of offenders who change all they can between two reports."""
_TRIES = 100
_PACES = (1.0, 1.0, 1.0, 0.6, 0.3)
_SMALL = (2, 2, 2, 2, 2, 3, 3, 3, 4, 5)


def sizes(stock: Stock, size: int) -> list[int]:
    """Return the number of reports of each label, about `size` in all; small labels are the most frequent.

    `stock` gives the random generator.
    """
    dice = stock.dice
    wanted = {"small": 0.42 * size, "medium": 0.11 * size, "large": 0.06 * size}
    drawn: list[int] = []
    for kind, share in wanted.items():
        held = 0
        while held < share:
            if kind == "small":
                reports = dice.one(_SMALL)
            elif kind == "medium":
                reports = dice.tail(6, 20, steepness=1.3)
            else:
                reports = dice.between(21, max(24, size // 180))
            held += reports
            drawn.append(reports)
    while sum(drawn) > size:
        drawn.pop()
    return drawn + [1] * (size - sum(drawn))


@dataclass(slots=True)
class _Known:
    """The values that the reports of a label gave so far.

    `keys` is the evidence of the reports that share some with another, `facts` their lasting values; `apart`
    is the evidence of the reports that share none.
    """

    keys: set[tuple[str, str]] = field(default_factory=set)
    facts: list[Fact] = field(default_factory=list)
    apart: set[tuple[str, str]] = field(default_factory=set)

    def add(self, draft: Draft) -> None:
        """Add the evidence of a report that shares some with another, and its suspect's lasting values."""
        for fact in draft.facts:
            keys = fact.evidence()
            self.keys |= keys
            if keys and fact.kind in _LASTING and fact.role == "SUSPECT":
                self.facts.append(fact)


def _keys(draft: Draft) -> set[tuple[str, str]]:
    """Return (kind, value) of the evidence that a draft gives."""
    return {key for fact in draft.facts for key in fact.evidence()}


class Labels:
    """Makes the drafts of one label after another; `people` receives the civil statuses by key."""

    def __init__(self, stock: Stock, people: dict[str, Civil]) -> None:
        self.stock, self.dice, self.people = stock, stock.dice, people

    def drafts(self, label: int, reports: int) -> list[Draft]:
        """Return the drafts of a label with `reports` reports: a single one, an offender's, or a ring's."""
        if reports == 1:
            return [self._seen(label, self.dice.below(SPAN), self._life())]
        times = self._times(reports)
        if reports > 2 and self.dice.happens(0.08):
            drafts = self._ring(label, times)
        elif reports <= 12 and self.dice.happens(_CAREFUL):
            drafts = self._careful(label, times)
        else:
            drafts = self._offender(label, times)
        if reports > 20:
            for draft in drafts:
                draft.traps.add("repeat_offender")
        return drafts

    def _life(self, *, careful: bool = False) -> Life:
        pace = 0.0 if careful else self.dice.one(_PACES)
        return Life(Offender(self.stock, self.people), pace)

    def _times(self, reports: int) -> list[int]:
        """Return increasing arrival times in seconds, hours to months apart, within the whole period."""
        gaps = [self.dice.tail(3600, 120 * _DAY, steepness=0.32) for _ in range(reports - 1)]
        scale = min(1.0, 0.9 * SPAN / max(1, sum(gaps)))
        at = self.dice.below(int(SPAN - scale * sum(gaps)))
        times = [at]
        for gap in gaps:
            at += max(60, int(gap * scale))
            times.append(at)
        return times

    def _seen(self, label: int, at: int, life: Life, *, desk: str = "") -> Draft:
        """Return a draft that arrives at `at` (seconds), with what its sender sees of an offender."""
        desk = desk or life.sender()
        moment = at - self.dice.tail(1800, 20 * _DAY, steepness=0.8)
        draft = Draft(label, at, moment, desk, self.dice.one(DESKS[desk].languages))
        draft.facts = life.seen(draft)
        return draft

    def _offender(self, label: int, times: list[int]) -> list[Draft]:
        life, known = self._life(), _Known()
        return [self._joined(known, partial(self._seen, label, at, life)) for at in times]

    def _joined(self, known: _Known, make: Callable[[], Draft], *, ring: bool = False) -> Draft:
        """Return a draft from `make` that shares known evidence, or rarely none with any earlier report.

        If it shares none, one to three known values are mostly added; a value of a member of a `ring` as that
        of a second suspect.
        """
        draft = make()
        for _ in range(_TRIES):
            if not known.keys or _keys(draft) & known.keys or self._given(known, draft, ring=ring):
                known.add(draft)
                return draft
            if not _keys(draft) & known.apart:
                break
            draft = make()
        # Some senders always give what only a report apart gave: that is left out.
        draft.facts = [fact for fact in draft.facts if not fact.evidence() & known.apart]
        known.apart |= _keys(draft)
        return draft

    def _given(self, known: _Known, draft: Draft, *, ring: bool) -> bool:
        """Add known values to a draft and return True; False if its sender can give none, or by chance."""
        fields = DESKS[draft.desk].fields
        latest = {
            fact.kind: fact
            for fact in known.facts
            if fact.kind in fields or fact.kind not in UNTOLD
        }
        if not latest or self.dice.happens(_UNSHARED):
            return False
        for _ in range(min(len(latest), self.dice.one((1, 2, 2, 3, 3)))):
            last = latest.pop(self.dice.one(sorted(latest)))
            draft.facts.append(replace(last, manner="", who=int(ring and last.kind in _OWN)))
        return True

    def _careful(self, label: int, times: list[int]) -> list[Draft]:
        """Return the reports of a careful offender: new values in each, and one or two that betray them."""
        life, reports = self._life(careful=True), len(times)
        ties = [life.offender.tie(brief=reports <= 5)]
        if self.dice.happens(0.3):
            ties.append(life.offender.tie(brief=False))
        drafts = [self._betrayed(label, times[0], life, ties)]
        ties = [tie for tie in ties if tie.shown]
        bridged: Tie | None = None
        for place, at in enumerate(times[1:], 1):
            last = place == reports - 1
            if self.dice.happens(_NOTHING):
                drafts.append(self._betrayed(label, at, life, []))
                continue
            if bridged is None and 1 < place < reports - 1 and self.dice.happens(0.06):
                bridged = life.offender.tie(brief=False, told=True)
                drafts.append(self._betrayed(label, at, life, [bridged]))
                continue
            given = [self._held(ties)]
            if len(ties) > 1 and self.dice.happens(0.5):
                given += [tie for tie in ties if tie is not given[0] and not tie.soon][:1]
            if last and bridged is not None:
                given.append(bridged)
            elif not last and self.dice.happens(0.4 if reports < 10 else 0.2):
                given.append(life.offender.tie(brief=False))
            drafts.append(self._betrayed(label, at, life, given))
            ties += [tie for tie in given if tie.shown and tie not in (*ties, bridged)]
        return drafts

    def _held(self, ties: list[Tie]) -> Tie:
        """Return evidence (a tie) that earlier reports gave; short-lived evidence at most five times."""
        usable = [tie for tie in ties if not tie.soon or tie.shown < 5]
        return self.dice.often_first(usable)

    def _betrayed(self, label: int, at: int, life: Life, given: list[Tie]) -> Draft:
        """Return a draft about a careful offender that gives the evidence `given`.

        The first tie chooses the sender and, if its evidence soon ends, the arrival, which is `at` (seconds)
        otherwise.
        """
        first = given[0] if given else None
        desk = first.desk(first.shown) if first else desks.drawn(self.dice)
        moment = at - self.dice.tail(1800, 20 * _DAY, steepness=0.8)
        if first is not None and first.soon:
            if first.shown:
                moment = first.moment + self.dice.between(0, min(first.soon // 8, 3600))
                at = first.moment + self.dice.between(3700, 3700 + first.soon)
            else:
                moment = first.moment = at - self.dice.between(600, 7200)
        draft = Draft(label, at, moment, desk, self.dice.one(DESKS[desk].languages))
        for tie in given:
            if tie is first or tie.kind not in UNTOLD or tie.kind in DESKS[desk].fields:
                draft.facts += tie.facts(draft)
        said = {fact.kind for fact in draft.facts}
        draft.facts += [fact for fact in life.seen(draft) if fact.kind not in said]
        return draft

    def _ring(self, label: int, times: list[int]) -> list[Draft]:
        """Return the reports of a ring, whose members share rooms, pages, links and files.

        Each report concerns one member and may name an account of another; one or two name all members.
        """
        reports = len(times)
        members = self._members(min(self.dice.between(2, 5), reports - 1))
        joint = {self.dice.below(reports), reports - 1 if reports > 8 else 0}
        known = _Known()
        drafts = []
        for place, at in enumerate(times):
            turn = place % len(members)
            order = members[turn:] + members[:turn]
            make = partial(self._ring_report, label, at, order, all_of=place in joint)
            drafts.append(self._joined(known, make, ring=True))
        return drafts

    def _ring_report(self, label: int, at: int, members: list[Life], *, all_of: bool) -> Draft:
        """Return a draft about the first of the `members`, by chance with an account of another one.

        `all_of`: a letter that names an account of every member.
        """
        one, *others = members
        draft = self._seen(label, at, one, desk=self.dice.one(desks.WRITERS) if all_of else "")
        if not all_of:
            others = [self.dice.one(others)] if others and self.dice.happens(0.4) else []
        for who, life in enumerate(others, 1):
            draft.facts += life.account(self.dice.often_first(life.services), draft, who=who)
        draft.traps.add("ring")
        return draft

    def _members(self, number: int) -> list[Life]:
        """Return the members of a ring, most of whom share a room, a page, a link, a set of files."""
        members = [self._life() for _ in range(number)]
        for life in members[1:]:
            for kind in ("room", "page", "short_link"):
                if self.dice.happens(0.7):
                    life.share(kind, members[0])
            if self.dice.happens(0.7):
                life.files = members[0].files
        return members
