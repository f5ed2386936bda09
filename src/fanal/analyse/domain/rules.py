"""Priority rules as data: the strict reader, and which file is in force on a day.

How points work is explained at the top of `analyse/data/priority/*.toml`.
"""

import tomllib
from collections.abc import Iterable
from datetime import date
from importlib import resources
from typing import Literal

import msgspec
from msgspec import Struct, field

from fanal.analyse.domain.facts import FACTS

DANGER_FLOOR = 95
"""A child in danger now is never below this score."""
UNCHECKED = "UNCHECKED"


class RulesRefused(ValueError):
    """A rule file breaks its format or a guarantee: which rule, and why."""


class Rule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule: the fact, when it applies, the points and perhaps a floor, with its source.

    `floor_from` is the least value of the fact for the floor; without it the floor goes
    with the points.
    """

    code: str
    fact: str
    points: float
    source: str
    checked_by: str
    at_least: float = 0.000001
    at_most: float | None = None
    each: bool = False
    cap: float | None = None
    floor: int | None = None
    floor_from: float | None = None

    @property
    def unchecked(self) -> bool:
        """Return whether nobody has checked the rule: it may suggest, never set a floor."""
        return self.checked_by == UNCHECKED

    def floor_for(self, value: float) -> int | None:
        """Return the floor that the rule sets for a value of its fact, or None."""
        if self.unchecked or (self.floor_from is not None and value < self.floor_from):
            return None
        return self.floor


class Level(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A level and its lowest score; its clocks are reference data (`clock`)."""

    code: Literal["DANGER", "HIGH", "NORMAL", "LOW"]
    lowest: int = field(name="from")


class PriorityRules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One dated rule set; levels from the highest to the lowest."""

    schema: int
    version: str
    in_force_from: date
    ceiling: int
    level: tuple[Level, ...]
    rule: tuple[Rule, ...]

    def level_of(self, score: int) -> Level:
        """Return the level of a score."""
        return next(level for level in self.level if score >= level.lowest)


def read_rules(text: str) -> PriorityRules:
    """Return the rule set of a TOML text.

    Raises:
        RulesRefused: unknown key or fact, code twice, levels out of order, points that are no number, or
            no checked rule that keeps a child in danger at 95 or more.
    """
    try:
        rules = msgspec.convert(tomllib.loads(text), PriorityRules)
    except (msgspec.ValidationError, tomllib.TOMLDecodeError) as error:
        raise RulesRefused(f"priority: {error}") from error
    codes = [rule.code for rule in rules.rule]
    if len(codes) != len(set(codes)):
        raise RulesRefused("priority: a rule code stands twice")
    for rule in rules.rule:
        _check(rule)
    starts = [level.lowest for level in rules.level]
    if not starts or starts[-1] != 0 or starts != sorted(set(starts), reverse=True):
        raise RulesRefused("priority: levels go down to 0, each lower than the one before")
    if not 0 < rules.ceiling < DANGER_FLOOR:
        raise RulesRefused("priority: the ceiling lies between 1 and 94")
    if not any(_keeps_danger(rule) for rule in rules.rule):
        raise RulesRefused("priority: no checked rule keeps a child in danger at 95 or more")
    return rules


def shipped_rules() -> list[PriorityRules]:
    """Return every shipped rule set, oldest first."""
    folder = resources.files("fanal.analyse").joinpath("data", "priority")
    texts = [e.read_text("utf-8") for e in folder.iterdir() if e.name.endswith(".toml")]
    return sorted((read_rules(text) for text in texts), key=lambda r: r.in_force_from)


def rules_in_force(rule_sets: Iterable[PriorityRules], *, on: date) -> PriorityRules:
    """Return the newest rule set in force on a day, else the oldest of all.

    Raises:
        RulesRefused: no rule set at all.
    """
    ordered = sorted(rule_sets, key=lambda r: r.in_force_from)
    if not ordered:
        raise RulesRefused("priority: no rule set")
    past = [r for r in ordered if r.in_force_from <= on]
    return past[-1] if past else ordered[0]


def _check(rule: Rule) -> None:
    if rule.fact not in FACTS:
        raise RulesRefused(f"{rule.code}: unknown fact {rule.fact}")
    if not -100 <= rule.points <= 100:
        raise RulesRefused(f"{rule.code}: points lie outside -100..100")
    if rule.at_most is not None and rule.at_most < rule.at_least:
        raise RulesRefused(f"{rule.code}: at_most is below at_least")
    if rule.floor is not None and not 0 <= rule.floor <= 100:
        raise RulesRefused(f"{rule.code}: the floor lies outside 0..100")
    if rule.floor_from is not None and (rule.floor is None or rule.floor_from < rule.at_least):
        raise RulesRefused(f"{rule.code}: floor_from goes with a floor, not below at_least")
    if not rule.source.strip() or not rule.checked_by.strip():
        raise RulesRefused(f"{rule.code}: a rule has its source and who checked it")


def _keeps_danger(rule: Rule) -> bool:
    always = rule.at_least <= 1 and (rule.at_most is None or rule.at_most >= 1)
    return (
        rule.code == "CHILD_IN_DANGER"
        and rule.fact == "emergency"
        and always
        and not rule.unchecked
        and rule.floor is not None
        and rule.floor >= DANGER_FLOOR
        and (rule.floor_from is None or rule.floor_from <= 1)
    )
