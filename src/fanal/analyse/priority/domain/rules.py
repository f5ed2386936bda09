"""Priority rules as data: strict reader and writer, and the rule sets shipped with the package.

A rule gives points to a report if one of its facts lies in a range; the comment at the top of the files
`analyse/data/priority/*.toml` explains how points make a score.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache, lru_cache
from importlib import resources
from math import isfinite
from typing import Literal

import msgspec
from msgspec import Struct, field

from fanal import reference
from fanal.analyse.priority.domain.facts import FACTS
from fanal.kernel.refusal import Refusal
from fanal.reference.records import Text
from fanal.reference.words import either

DANGER_FLOOR = 95
"""Least score of a report on a child in present danger."""
UNCHECKED = "UNCHECKED"
ABOVE_ZERO = 0.000001
"""Default of `at_least`."""
LONGEST_LABEL = 80
_VERSION = re.compile(r"[a-z0-9][a-z0-9./_-]{2,59}")


class Rule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A priority rule: it gives points if a fact of the report lies in a range.

    `fact` is a name of `facts.FACTS`; the range is `at_least` to `at_most` (None: no upper bound). With
    `each`, the points count for each unit of the fact, at most `cap`. `floor` is a minimum score that the
    rule sets; it needs at least the value `floor_from` of the fact, if given. `source` is where the rule
    comes from. A rule that nobody has checked (`checked_by` UNCHECKED) never sets a floor. `label` is the
    name of a desk's own rule, which no label file contains; the floor of such a rule is under `DANGER_FLOOR`,
    which is kept for a child in present danger.
    """

    code: str
    fact: str
    points: float
    source: str
    checked_by: str
    at_least: float = ABOVE_ZERO
    at_most: float | None = None
    each: bool = False
    cap: float | None = None
    floor: int | None = None
    floor_from: float | None = None
    label: Text | None = None

    @property
    def unchecked(self) -> bool:
        """Whether nobody has checked the rule; such a rule gives points and never a floor (minimum score)."""
        return self.checked_by == UNCHECKED

    @property
    def sets_no_floor(self) -> bool:
        """Whether the rule states a minimum score (floor) that does not apply, because nobody checked the
        rule.
        """
        return self.unchecked and self.floor is not None

    def name(self, lang: str) -> str:
        """Return the name of the rule in `lang` (fr, en): its own label, else that of its code."""
        if self.label is None:
            return reference.label("priority_rule", self.code, lang)
        return either(self.label.fr, self.label.en, lang)

    def floor_for(self, value: float) -> int | None:
        """Return the rule's minimum score for a value of its fact (input); None if it sets none."""
        if self.unchecked or (self.floor_from is not None and value < self.floor_from):
            return None
        return self.floor


class PriorityLevel(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A priority level, such as DANGER, and the lowest score (0 to 100) that has it.

    The deadlines of a level are reference data (`clock`).
    """

    code: Literal["DANGER", "HIGH", "NORMAL", "LOW"]
    lowest: int = field(name="from")


class PriorityRules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A dated set of priority rules, as in a file of `analyse/data/priority/`.

    `schema` is the version of the format, `version` the name of the set, in force from the day
    `in_force_from`. `level` are the priority levels from the highest to the lowest, `rule` the rules.
    `ceiling` is the highest score that points give; only a floor (minimum score) may raise a score above it.
    """

    schema: int
    version: str
    in_force_from: date
    ceiling: int
    level: tuple[PriorityLevel, ...]
    rule: tuple[Rule, ...]

    def level_of(self, score: int) -> PriorityLevel:
        """Return the priority level of a score: the highest whose lowest score it reaches."""
        return next(level for level in self.level if score >= level.lowest)

    def days_left(self) -> frozenset[float]:
        """Return the bounds of the rules on the days left to request subscriber data (fact `ip_days_left`).

        They are the numbers of days at which a rule begins or ceases to apply, so that a report is ranked
        again.
        """
        clocks = [rule for rule in self.rule if rule.fact == "ip_days_left"]
        last = [rule.at_most + 1 for rule in clocks if rule.at_most is not None]  # whole days count
        return frozenset(max(0.0, bound) for bound in (*(rule.at_least for rule in clocks), *last))


@lru_cache(maxsize=16)
def read_rules(text: str) -> PriorityRules:
    """Parse and validate the TOML text of a set of priority rules.

    Raises:
        Refusal: FORMAT (unknown key, wrong type), VERSION (malformed name of the version), CODE_TWICE (two
            rules have the same code), FACT (no such fact), POINTS (outside -100 to 100), CAP (negative),
            BOUNDS (not finite, or the lower over the upper), FLOOR (outside 0 to 100), FLOOR_FROM (the rule
            has no floor, or does not apply there), SOURCE (no source, or nobody checked it), LABEL_FR (empty,
            over 80 characters or unprintable), LABEL_EN (the same), FLOOR_OWN (a floor outside 1 to 94 in a
            rule of the desk's own), FLOOR_UNCHECKED (such a rule has a floor, but nobody checked it), LEVELS
            (not descending to 0), CEILING (outside 1 to 94), or NO_DANGER (no checked rule keeps a child in
            danger at 95 or more).
    """
    try:
        rules = msgspec.convert(tomllib.loads(text), PriorityRules)
    except (msgspec.ValidationError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise Refusal("ruleset", "FORMAT", detail=str(error)) from error
    check_rules(rules)
    return rules


def check_rules(rules: PriorityRules) -> None:
    """Check the guarantees of a set of priority rules.

    For example: a checked rule keeps a child in danger at 95 or more; codes are unique; levels descend to 0.

    Raises:
        Refusal: VERSION (malformed), CODE_TWICE (two rules have the same code), LEVELS (not descending to 0),
            CEILING (outside 1 to 94), NO_DANGER (no checked rule keeps a child in danger at 95 or more), or
            the code of a wrong field of a rule (`read_rules`).
    """
    if not _VERSION.fullmatch(rules.version):
        raise Refusal("ruleset", "VERSION")
    codes = [rule.code for rule in rules.rule]
    if len(codes) != len(set(codes)):
        raise Refusal("ruleset", "CODE_TWICE")
    for rule in rules.rule:
        _check(rule)
    starts = [level.lowest for level in rules.level]
    if not starts or starts[-1] != 0 or starts != sorted(set(starts), reverse=True):
        raise Refusal("ruleset", "LEVELS")
    if not 0 < rules.ceiling < DANGER_FLOOR:
        raise Refusal("ruleset", "CEILING")
    if not any(_keeps_danger(rule) for rule in rules.rule):
        raise Refusal("ruleset", "NO_DANGER", rule="CHILD_IN_DANGER")


def write_rules(rules: PriorityRules) -> str:
    """Return a set of priority rules as TOML text, the inverse of `read_rules`."""
    built = msgspec.to_builtins(rules, builtin_types=(date,))
    tables = [("level", each) for each in built.pop("level")]
    tables += [("rule", each) for each in built.pop("rule")]
    lines = [_line(name, value) for name, value in built.items()]
    for name, table in tables:
        lines += ["", f"[[{name}]]"]
        lines += [_line(key, value) for key, value in _flat(table) if value is not None]
    return "\n".join(lines) + "\n"


def _flat(table: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Yield (key, value) of a TOML table; the keys of a nested table are dotted (`label.fr`)."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from ((f"{key}.{inner}", each) for inner, each in value.items())
        else:
            yield key, value


def _line(key: str, value: object) -> str:
    # JSON strings, numbers and booleans are valid TOML values.
    written = (
        value.isoformat() if isinstance(value, date) else json.dumps(value, ensure_ascii=False)
    )
    return f"{key} = {written}"


@cache
def shipped_texts() -> tuple[tuple[str, str], ...]:
    """Return (file name, TOML text) of each shipped set of priority rules, oldest first."""
    folder = resources.files("fanal.analyse").joinpath("data", "priority")
    found = [(e.name, e.read_text("utf-8")) for e in folder.iterdir() if e.name.endswith(".toml")]
    return tuple(sorted(found, key=lambda pair: _age_of(read_rules(pair[1]))))


def _age_of(rules: PriorityRules) -> tuple[date, str]:
    """Return a key that sorts rule sets from the oldest to the newest.

    Sets of the same day are sorted by version, of which the second set of a day ends in `.2`.
    """
    return rules.in_force_from, rules.version


def shipped_rules() -> tuple[PriorityRules, ...]:
    """Return all shipped sets of priority rules, oldest first."""
    return tuple(read_rules(text) for _, text in shipped_texts())


def newest_shipped(*, on: date) -> PriorityRules:
    """Return the shipped priority rules for a new installation: the newest in force by `on`, or the first."""
    rules = shipped_rules()
    return next((each for each in reversed(rules) if each.in_force_from <= on), rules[0])


def _check(rule: Rule) -> None:
    highest = rule.at_least if rule.at_most is None else rule.at_most
    faults = {
        "FACT": rule.fact not in FACTS,
        "POINTS": not -100 <= rule.points <= 100,
        "CAP": rule.cap is not None and not rule.cap >= 0,
        "BOUNDS": not (isfinite(rule.at_least) and isfinite(highest) and rule.at_least <= highest),
        "FLOOR": rule.floor is not None and not 0 <= rule.floor <= 100,
        "FLOOR_FROM": rule.floor_from is not None and not _reached(rule, rule.floor_from),
        "SOURCE": not rule.source.strip() or not rule.checked_by.strip(),
        "LABEL_FR": rule.label is not None and not _sayable(rule.label.fr),
        "LABEL_EN": rule.label is not None and not _sayable(rule.label.en),
        "FLOOR_OWN": rule.label is not None and rule.floor not in {None, *range(1, DANGER_FLOOR)},
        "FLOOR_UNCHECKED": rule.label is not None and rule.sets_no_floor,
    }
    for code, broken in faults.items():
        if broken:
            raise Refusal("ruleset", code, rule=rule.code)


def _reached(rule: Rule, value: float) -> bool:
    """Return whether the rule has a minimum score (floor) and applies to this value of its fact (input)."""
    under = rule.at_most is None or value <= rule.at_most
    return rule.floor is not None and value >= rule.at_least and under


def _sayable(label: str) -> bool:
    return 0 < len(label.strip()) <= LONGEST_LABEL and label.isprintable()


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
