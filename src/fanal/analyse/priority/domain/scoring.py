"""Priority 0–100 from rules, explained part by part, and the dry run of a candidate rule set."""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct, structs

from fanal.analyse.domain.records import (
    Analysis,
    Because,
    KinFacts,
    Parameters,
    Priority,
    PriorityPart,
)
from fanal.analyse.priority.domain.facts import FACTS, Unit, facts_of
from fanal.analyse.priority.domain.rules import PriorityRules, Rule
from fanal.harmonise.domain.records import HarmonisedReport


class ScoreChange(Struct, frozen=True, kw_only=True):
    """The effect of candidate priority rules on one report, compared with the active rules.

    `before` is the active set's score (0–100), `after` the candidate's; `level_before` and `level_after` are
    the levels. `because` names the rules that give other points.
    """

    report_id: UUID
    before: int
    after: int
    level_before: str
    level_after: str
    because: tuple[Because, ...]


class DryRun(Struct, frozen=True, kw_only=True):
    """The effect of candidate priority rules on past reports, compared with the active rules.

    `current` and `candidate` are the versions of the two sets. Of the `reports` compared, `risen` have a
    higher score, `fallen` a lower one, and `level_changes` another level. `changes` are changes of single
    reports, the largest first. `moves` counts the reports by levels before and after (`NORMAL>HIGH`),
    unchanged ones too; it may be empty.
    """

    current: str
    candidate: str
    reports: int
    risen: int
    fallen: int
    level_changes: int
    changes: tuple[ScoreChange, ...]
    moves: dict[str, int] = {}
    """Number of reports by old and new level (`HIGH>NORMAL`), unchanged ones included."""


def no_run(*, current: str, candidate: str) -> DryRun:
    """Return a dry run over no report, the start of a sum with `add_runs`.

    `current` and `candidate` are the versions of the two rule sets.
    """
    return DryRun(
        current=current,
        candidate=candidate,
        reports=0,
        risen=0,
        fallen=0,
        level_changes=0,
        changes=(),
    )


def add_runs(one: DryRun, two: DryRun) -> DryRun:
    """Return the summed counts of two dry runs with the same rules on different reports.

    The list of single score changes is left empty.
    """
    moves = Counter(one.moves) + Counter(two.moves)
    return DryRun(
        current=one.current,
        candidate=one.candidate,
        reports=one.reports + two.reports,
        risen=one.risen + two.risen,
        fallen=one.fallen + two.fallen,
        level_changes=one.level_changes + two.level_changes,
        changes=(),
        moves=dict(sorted(moves.items())),
    )


def prioritise(
    reports: Sequence[HarmonisedReport],
    analyses: Sequence[Analysis],
    kin: Sequence[KinFacts],
    rules: PriorityRules,
    now: datetime,
) -> list[Priority]:
    """Return each report's priority under `rules`, in the order given; its parts add up to the score.

    `analyses` has the order of `reports`; `kin` (counts of related reports) is matched by report id and may
    be incomplete.

    Raises:
        ValueError: `reports` and `analyses` differ in length.
    """
    by_report = {facts.report_id: facts for facts in kin}
    return [
        priority_of(
            report.report_id,
            facts_of(report, analysis, by_report.get(report.report_id), now=now),
            rules,
        )
        for report, analysis in zip(reports, analyses, strict=True)
    ]


def dry_run(
    reports: Sequence[HarmonisedReport],
    analyses: Sequence[Analysis],
    kin: Sequence[KinFacts],
    rules: tuple[PriorityRules, PriorityRules],
    now: datetime,
) -> DryRun:
    """Compare two rule sets (active, candidate) on past reports: changes of score or level, with reasons.

    `rules` is that pair. `analyses` has the order of `reports`; `kin` (counts of related reports) is matched
    by report id and may be incomplete. Ages and deadlines count at `now`.

    Raises:
        ValueError: `reports` and `analyses` differ in length.
    """
    current, candidate = rules
    return run_of(
        prioritise(reports, analyses, kin, current, now),
        prioritise(reports, analyses, kin, candidate, now),
        versions=(current.version, candidate.version),
    )


def run_of(
    before: Sequence[Priority], after: Sequence[Priority], *, versions: tuple[str, str]
) -> DryRun:
    """Compare the priorities of the same reports under two rule sets; return counts and changes.

    `before` are those under the active set, `after` those under the candidate, in the same order. `versions`
    are those of the active and of the candidate rule set. The largest changes come first.

    Raises:
        ValueError: `before` and `after` differ in length.
    """
    changes = [
        compare(old, new)
        for old, new in zip(before, after, strict=True)
        if old.score != new.score or old.level != new.level
    ]
    changes.sort(key=lambda c: (-abs(c.after - c.before), c.report_id))
    return DryRun(
        current=versions[0],
        candidate=versions[1],
        reports=len(before),
        risen=sum(c.after > c.before for c in changes),
        fallen=sum(c.after < c.before for c in changes),
        level_changes=sum(c.level_before != c.level_after for c in changes),
        changes=tuple(changes),
        moves=dict(sorted(Counter(_moves(before, after)).items())),
    )


def _moves(before: Sequence[Priority], after: Sequence[Priority]) -> Iterator[str]:
    return (f"{old.level}>{new.level}" for old, new in zip(before, after, strict=True))


def priority_of(report_id: UUID, facts: Mapping[str, float], rules: PriorityRules) -> Priority:
    """Return the priority of a report under `rules`; `facts` maps names of `facts.FACTS` to values."""
    applied = [
        (rule, facts[rule.fact])
        for rule in rules.rule
        if rule.fact in facts and _applies(rule, facts[rule.fact])
    ]
    parts = [_part(rule, value) for rule, value in applied]
    total = round(sum(part.points for part in parts), 2)
    bounded = max(0, min(rules.ceiling, round(total)))
    floors = [(floor, rule) for rule, value in applied if (floor := rule.floor_for(value))]
    floor, lifts = max(floors, key=lambda each: (each[0], each[1].code), default=(0, None))
    score = max(bounded, floor)
    parts.extend(_balance(total, bounded, rules.ceiling))
    if lifts is not None and score > bounded:
        parts.append(_lifted(lifts, score - bounded))
    return Priority(
        report_id=report_id,
        score=score,
        floor=lifts.code if lifts else None,
        parts=tuple(parts),
        level=rules.level_of(score).code,
        rule_version=rules.version,
    )


def _applies(rule: Rule, value: float) -> bool:
    if value < rule.at_least:
        return False
    return rule.at_most is None or int(value) <= rule.at_most


def _part(rule: Rule, value: float) -> PriorityPart:
    points = rule.points * value if rule.each else rule.points
    if rule.cap is not None:
        points = min(points, rule.cap)
    shown = int(value) if value == int(value) else round(value, 2)
    return PriorityPart(
        code=rule.code,
        points=round(points, 2),
        because=_because(rule, shown),
    )


def _because(rule: Rule, value: float) -> Because:
    """Return the reason of a priority rule that applied; the label of a desk's own rule is part of it.

    `value` is the value of the rule's fact (input).
    """
    parameters: Parameters = {"value": value, "unchecked": rule.unchecked}
    if rule.label is None:
        return Because(code=rule.code, parameters=parameters)
    parameters["words"] = [rule.label.fr, rule.label.en]
    code = "OWN_RULE" if FACTS[rule.fact] is Unit.FLAG else "OWN_RULE_VALUE"
    return Because(code=code, parameters=parameters)


def _balance(total: float, bounded: int, ceiling: int) -> Iterator[PriorityPart]:
    """Yield the part that brings the total of points to a whole number from 0 to the ceiling, where needed.

    `bounded` is that number, `total` the sum of the rules' points.
    """
    if total > ceiling or total < 0:
        yield _balancing("PRIORITY_BOUND", bounded - total, {"ceiling": ceiling})
    elif bounded != total:
        yield _balancing("PRIORITY_ROUNDED", bounded - total, {})


def _lifted(rule: Rule, points: float) -> PriorityPart:
    """Return the term (part) of a priority by which a floor (minimum score) raises the score by `points`.

    It names the rule, by its own label if it is a desk's own.
    """
    if rule.label is None:
        return _balancing("PRIORITY_FLOOR", points, {"rule": rule.code, "floor": rule.floor or 0})
    said: Parameters = {"words": [rule.label.fr, rule.label.en], "floor": rule.floor or 0}
    part = _balancing("PRIORITY_FLOOR", points, said)
    return structs.replace(part, because=Because(code="OWN_FLOOR", parameters=said))


def _balancing(code: str, points: float, parameters: Parameters) -> PriorityPart:
    because = Because(code=code, parameters=parameters)
    return PriorityPart(code=code, points=round(points, 2), because=because)


def compare(old: Priority, new: Priority) -> ScoreChange:
    """Return the change of a report's priority; the reasons name the rules that give other points.

    Without any such rule, and with another level, the reason is a change of the levels' bounds. `old` and
    `new` are the priorities under the two rule sets.
    """
    before = {part.code: part.points for part in old.parts}
    after = {part.code: part.points for part in new.parts}
    parts = {part.code: part for part in (*old.parts, *new.parts)}
    reasons = [
        _changed(parts[code], before.get(code, 0), after.get(code, 0))
        for code in sorted(parts)
        if before.get(code, 0) != after.get(code, 0)
    ]
    if not reasons and old.level != new.level:
        levels: Parameters = {"before": old.level, "after": new.level}
        reasons.append(Because(code="LEVELS_CHANGED", parameters=levels))
    return ScoreChange(
        report_id=old.report_id,
        before=old.score,
        after=new.score,
        level_before=old.level,
        level_after=new.level,
        because=tuple(reasons),
    )


def _changed(part: PriorityPart, before: float, after: float) -> Because:
    points: Parameters = {"before": before, "after": after}
    words = part.because.parameters.get("words")
    if words is None:
        return Because(code="RULE_CHANGED", parameters={"rule": part.code, **points})
    code = "OWN_FLOOR_CHANGED" if part.code == "PRIORITY_FLOOR" else "OWN_RULE_CHANGED"
    return Because(code=code, parameters={"words": words, **points})


# Re-triage: a candidate rule set over the facts of all past reports, on one machine or a cluster.
#
# The comparison of `dry_run`, from the facts that `trials.facts_after` gives instead of reports. Facts are
# numbers under known names, so the data sent to a cluster names nobody.

KEPT_CHANGES = 500


def retriage(
    facts: Iterable[tuple[UUID, Mapping[str, float]]], rules: tuple[PriorityRules, PriorityRules]
) -> Iterator[ScoreChange]:
    """Yield the change of priority of every report in the order given, unchanged ones included.

    `facts` are (report id, inputs of the rules by name) pairs; `rules` is (active, candidate).
    """
    current, candidate = rules
    for report_id, values in facts:
        yield compare(
            priority_of(report_id, values, current), priority_of(report_id, values, candidate)
        )


class Tally:
    """A running count of the effect of candidate priority rules on stored reports, in constant memory.

    It counts changes of score and of level, and keeps the `KEPT_CHANGES` largest changes.
    """

    def __init__(self) -> None:
        """Start the tally of a dry run with zero counts."""
        self.reports = self.risen = self.fallen = 0
        self.levels: Counter[tuple[str, str]] = Counter()
        self._largest: list[tuple[int, int, ScoreChange]] = []

    def add(self, change: ScoreChange) -> None:
        """Count the change of a report's score and level, which may be none.

        Of equally large changes, those of older reports are kept.
        """
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
        """Return the counts as a dry run, with the largest changes first; `rules` is (active, candidate)."""
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
