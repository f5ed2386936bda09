"""Re-triage: a candidate rule set over the facts of all history, report by report, on one machine or many.

What `dry_run` does with reports, this does with their facts as `pipeline.facts_after` gives them: the same
rules, the same comparison. Facts are numbers under known names, so what leaves the database for a cluster
names nobody.
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from uuid import UUID

from fanal.analyse.domain.priority import Change, DryRun, compare, priority_of
from fanal.analyse.domain.rules import PriorityRules

KEPT_CHANGES = 500


def retriage(
    facts: Iterable[tuple[UUID, Mapping[str, float]]], rules: tuple[PriorityRules, PriorityRules]
) -> Iterator[Change]:
    """Yield what becomes of every report, moved or not, in the order given; `rules`: in force, candidate."""
    current, candidate = rules
    for report_id, values in facts:
        yield compare(
            priority_of(report_id, values, current), priority_of(report_id, values, candidate)
        )


class Tally:
    """Counts of a re-triage in flat memory: how many moved, between which levels, and the largest moves."""

    def __init__(self) -> None:
        """Start at nothing."""
        self.reports = self.risen = self.fallen = 0
        self.levels: Counter[tuple[str, str]] = Counter()
        self._largest: list[tuple[int, int, Change]] = []

    def add(self, change: Change) -> None:
        """Count one report; of equal moves the older report is kept."""
        self.reports += 1
        self.levels[change.level_before, change.level_after] += 1
        move = change.after - change.before
        self.risen += move > 0
        self.fallen += move < 0
        if move or change.level_before != change.level_after:
            item = (abs(move), -change.report_id.int, change)
            if len(self._largest) < KEPT_CHANGES:
                heapq.heappush(self._largest, item)
            else:
                heapq.heappushpop(self._largest, item)

    def outcome(self, rules: tuple[PriorityRules, PriorityRules]) -> DryRun:
        """Return the whole as a dry run, with the largest moves first."""
        current, candidate = rules
        return DryRun(
            current=current.version,
            candidate=candidate.version,
            reports=self.reports,
            risen=self.risen,
            fallen=self.fallen,
            level_changes=sum(n for (old, new), n in self.levels.items() if old != new),
            changes=tuple(change for _, _, change in sorted(self._largest, reverse=True)),
        )
