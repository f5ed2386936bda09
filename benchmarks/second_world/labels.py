"""Labels (true dossiers): single incidents, offenders with several reports, rings named in one report."""

from dataclasses import replace

from benchmarks.second_world import desks
from benchmarks.second_world.desks import DESKS, UNTOLD
from benchmarks.second_world.facts import Draft
from benchmarks.second_world.habits import Habits
from benchmarks.second_world.names import Civil
from benchmarks.second_world.stock import Stock
from benchmarks.second_world.ties import Offender, Tie

SPAN = 420 * 86_400
"""Seconds that the world lasts."""
_DAY = 86_400
_NOTHING = 0.012
"""Share of the reports of a label that give nothing which joins them to it."""
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


class Labels:
    """Makes the drafts of one label after another; `people` receives the civil statuses by key."""

    def __init__(self, stock: Stock, people: dict[str, Civil]) -> None:
        self.stock, self.dice, self.people = stock, stock.dice, people
        self.habits = Habits(stock)

    def drafts(self, label: int, reports: int) -> list[Draft]:
        """Return the drafts of a label with `reports` reports: a single one, an offender's, or a ring's."""
        if reports == 1:
            return [self._single(label)]
        if reports > 2 and self.dice.happens(0.07):
            return self._ring(label, reports)
        return self._offender(label, self._times(reports))

    def _single(self, label: int) -> Draft:
        offender = Offender(self.stock, self.people)
        return self._report(label, self.dice.below(SPAN), offender, [offender.tie()])

    def _times(self, reports: int) -> list[int]:
        """Return increasing arrival times in seconds, days or weeks apart, within the whole period."""
        gaps = [self.dice.tail(3600, 60 * _DAY, steepness=0.45) for _ in range(reports - 1)]
        scale = min(1.0, 0.9 * SPAN / max(1, sum(gaps)))
        at = self.dice.below(int(SPAN - scale * sum(gaps)))
        times = [at]
        for gap in gaps:
            at += max(60, int(gap * scale))
            times.append(at)
        return times

    def _offender(self, label: int, times: list[int]) -> list[Draft]:
        offender, reports = Offender(self.stock, self.people), len(times)
        ties = [offender.tie(brief=reports <= 5)]
        drafts = [self._report(label, times[0], offender, ties[:1])]
        bridged: Tie | None = None
        for place, at in enumerate(times[1:], 1):
            last = place == reports - 1
            if self.dice.happens(_NOTHING):
                drafts.append(self._report(label, at, offender, [], bare=True))
                continue
            if bridged is None and 1 < place < reports - 1 and self.dice.happens(0.06):
                bridged = offender.tie(brief=False, told=True)
                drafts.append(self._report(label, at, offender, [bridged], bare=True))
                continue
            given = [self._held(ties)]
            if last and bridged is not None:
                given.append(bridged)
            elif not last and self.dice.happens(0.35 if reports < 10 else 0.2):
                given.append(offender.tie(brief=False))
            draft = self._report(label, at, offender, given)
            drafts.append(draft)
            ties += [tie for tie in given[1:] if tie.shown and tie is not bridged]
        if reports > 20:
            for draft in drafts:
                draft.traps.add("repeat_offender")
        return drafts

    def _held(self, ties: list[Tie]) -> Tie:
        """Return evidence (a tie) that earlier reports gave; short-lived evidence at most five times."""
        usable = [tie for tie in ties if not tie.soon or tie.shown < 5]
        return self.dice.often_first(usable)

    def _ring(self, label: int, reports: int) -> list[Draft]:
        """Return the reports of a ring: each concerns one member, but one or two name all members."""
        members = [
            Offender(self.stock, self.people)
            for _ in range(min(self.dice.between(2, 5), reports - 1))
        ]
        ties = [[member.tie(told=True, brief=False)] for member in members]
        times = self._times(reports)
        joint = (
            {self.dice.below(reports), reports - 1} if reports > 8 else {self.dice.below(reports)}
        )
        drafts = []
        turn = 0
        for place, at in enumerate(times):
            if place in joint:
                draft = self._report(label, at, members[0], [], desk=self.dice.one(desks.WRITERS))
                for who, held in enumerate(ties):
                    draft.facts += [replace(fact, who=who) for fact in held[0].facts(draft)]
            else:
                # Every member is reported before any is again.
                who, turn = turn % len(members), turn + 1
                draft = self._report(label, at, members[who], [self._held(ties[who])])
            draft.traps.add("ring")
            drafts.append(draft)
        return drafts

    def _report(
        self,
        label: int,
        at: int,
        offender: Offender,
        given: list[Tie],
        *,
        bare: bool = False,
        desk: str = "",
    ) -> Draft:
        """Return a draft about an offender that gives the evidence `given`; the first tie chooses its sender.

        `bare`: without any value that joins it otherwise. `desk`: the sender instead. `at` is its arrival in
        seconds.
        """
        first = given[0] if given else None
        desk = desk or (first.desk(first.shown) if first else desks.drawn(self.dice))
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
        self.habits.add(draft, offender, bare=bare)
        return draft
