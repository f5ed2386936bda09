"""Priority rules as data: the strict reader and writer, and the sets that the package ships.

How points work is explained at the top of `analyse/data/priority/*.toml`.
"""

import json
import re
import tomllib
from datetime import date
from importlib import resources
from typing import Literal

import msgspec
from msgspec import Struct, field

from fanal.analyse.domain.facts import FACTS

DANGER_FLOOR = 95
"""A child in danger now is never below this score."""
UNCHECKED = "UNCHECKED"
_VERSION = re.compile(r"[a-z0-9][a-z0-9./_-]{2,59}")


class RulesRefused(ValueError):
    """A rule set breaks its format or a guarantee: `code` says why, `rule` where (empty: the whole set)."""

    def __init__(self, code: str, rule: str = "", detail: str = "") -> None:
        super().__init__(": ".join(part for part in (rule, code, detail) if part))
        self.code, self.rule = code, rule


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

    def days_left(self) -> frozenset[float]:
        """Return with how many days left to ask who held an address a rule begins or ceases to apply."""
        clocks = [rule for rule in self.rule if rule.fact == "ip_days_left"]
        last = [rule.at_most + 1 for rule in clocks if rule.at_most is not None]  # whole days count
        return frozenset(max(0.0, bound) for bound in (*(rule.at_least for rule in clocks), *last))


def read_rules(text: str) -> PriorityRules:
    """Return the rule set of a TOML text.

    Raises:
        RulesRefused: FORMAT (unknown key, wrong type), CODE_TWICE, FACT, POINTS, BOUNDS, FLOOR, FLOOR_FROM,
            SOURCE, LEVELS, CEILING, or NO_DANGER (no checked rule keeps a child in danger at 95 or more).
    """
    try:
        rules = msgspec.convert(tomllib.loads(text), PriorityRules)
    except (msgspec.ValidationError, tomllib.TOMLDecodeError) as error:
        raise RulesRefused("FORMAT", detail=str(error)) from error
    check_rules(rules)
    return rules


def check_rules(rules: PriorityRules) -> None:
    """Hold a rule set to its guarantees.

    Raises:
        RulesRefused: as `read_rules`.
    """
    if not _VERSION.fullmatch(rules.version):
        raise RulesRefused("VERSION")
    codes = [rule.code for rule in rules.rule]
    if len(codes) != len(set(codes)):
        raise RulesRefused("CODE_TWICE")
    for rule in rules.rule:
        _check(rule)
    starts = [level.lowest for level in rules.level]
    if not starts or starts[-1] != 0 or starts != sorted(set(starts), reverse=True):
        raise RulesRefused("LEVELS")
    if not 0 < rules.ceiling < DANGER_FLOOR:
        raise RulesRefused("CEILING")
    if not any(_keeps_danger(rule) for rule in rules.rule):
        raise RulesRefused("NO_DANGER", "CHILD_IN_DANGER")


def write_rules(rules: PriorityRules) -> str:
    """Return a rule set as TOML text; `read_rules` gives the same back."""
    built = msgspec.to_builtins(rules, builtin_types=(date,))
    tables = [("level", each) for each in built.pop("level")]
    tables += [("rule", each) for each in built.pop("rule")]
    lines = [_line(name, value) for name, value in built.items()]
    for name, table in tables:
        lines += ["", f"[[{name}]]"]
        lines += [_line(key, value) for key, value in table.items() if value is not None]
    return "\n".join(lines) + "\n"


def _line(key: str, value: object) -> str:
    # A JSON string is a TOML basic string, and a JSON number or truth value a TOML one.
    written = (
        value.isoformat() if isinstance(value, date) else json.dumps(value, ensure_ascii=False)
    )
    return f"{key} = {written}"


def shipped_texts() -> list[tuple[str, str]]:
    """Return the name and text of each shipped rule set, oldest first."""
    folder = resources.files("fanal.analyse").joinpath("data", "priority")
    found = [(e.name, e.read_text("utf-8")) for e in folder.iterdir() if e.name.endswith(".toml")]
    return sorted(found, key=lambda pair: read_rules(pair[1]).in_force_from)


def shipped_rules() -> list[PriorityRules]:
    """Return every shipped rule set, oldest first."""
    return [read_rules(text) for _, text in shipped_texts()]


def newest_shipped(*, on: date) -> PriorityRules:
    """Return the shipped rules that an empty installation starts with: the newest in force, or the first."""
    rules = shipped_rules()
    return next((each for each in reversed(rules) if each.in_force_from <= on), rules[0])


def _check(rule: Rule) -> None:
    faults = {
        "FACT": rule.fact not in FACTS,
        "POINTS": not -100 <= rule.points <= 100,
        "BOUNDS": rule.at_most is not None and rule.at_most < rule.at_least,
        "FLOOR": rule.floor is not None and not 0 <= rule.floor <= 100,
        "FLOOR_FROM": rule.floor_from is not None
        and (rule.floor is None or rule.floor_from < rule.at_least),
        "SOURCE": not rule.source.strip() or not rule.checked_by.strip(),
    }
    for code, broken in faults.items():
        if broken:
            raise RulesRefused(code, rule.code)


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
