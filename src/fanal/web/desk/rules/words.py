"""Priority rule sets in words: numbers in each language, conditions as sentences, differences. Pure."""

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from math import nan

from msgspec import Struct

from fanal import reference
from fanal.analyse.priority.domain.facts import FACTS, Unit
from fanal.analyse.priority.domain.rules import ABOVE_ZERO, UNCHECKED, PriorityRules, Rule

_PROJECT = "PROJECT"
"""`checked_by` of shipped rules that the project's authors have checked."""
_NUMBER = re.compile(r"[+\u2212-]?[0-9]{1,9}(?:[.,][0-9]{1,18})?")
_GROUPED = re.compile(r"(?<=[0-9])[ \u00a0\u202f](?=[0-9]{3}(?![0-9]))")
_COMPARED = (
    "label", "fact", "at_least", "at_most", "points", "each", "cap", "floor", "floor_from",
    "checked_by", "source",
)  # fmt: skip
_NOTHING_SET = Rule(code="", fact="", points=nan, source="", checked_by="")
"""Comparison base of an added rule: its default values are not listed as differences."""


class RuleDifference(Struct, frozen=True, kw_only=True):
    """A field (`name`) that differs between two priority rule sets.

    `before` and `after` are both values in words, "" where a side has none. `of` is the name of the rule or
    level, empty for the whole set.
    """

    of: str
    name: str
    before: str
    after: str


def written(value: float | None, lang: str) -> str:
    """Return the number `value` as text without grouping, in the language's notation (`−7,5`); "" for None.

    The same text fills the form fields, whose parser (`number_in`) also accepts a hyphen.
    """
    if value is None:
        return ""
    # Shortest text that parses to the same number: an untouched bound must not change.
    plain = f"{Decimal(repr(value)):f}"
    plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
    plain = plain.replace("-", "\u2212")
    return plain if lang == "en" else plain.replace(".", ",")


def number_in(text: str) -> float | None:
    """Return the number in a text such as `-15`, `−15`, `+7,5`, `1 604.5`; None for others (`nan`, `1e3`)."""
    text = _GROUPED.sub("", text.strip())
    if _NUMBER.fullmatch(text) is None:
        return None
    return float(text.replace(",", ".").replace("\u2212", "-"))


def fact_in_words(fact: str, lang: str) -> str:
    """Return the description of a fact (an input of priority rules), with the unit of its number."""
    unit = reference.label("fact_unit", FACTS[fact], lang)
    return f"{reference.label('priority_fact', fact, lang)} ({unit})"


def rule_in_words(rule: Rule, lang: str) -> dict[str, object]:
    """Return the fields of a priority rule as texts in `lang`, for display.

    Keys: `rule` (itself), `name`, `fact`, `bounds` (of the input), `points`, `cap`, `floor_from`, `checker`.
    """
    return {
        "rule": rule,
        "name": rule.name(lang),
        "fact": fact_in_words(rule.fact, lang),
        "bounds": bounds_in_words(rule, lang),
        "points": written(rule.points, lang),
        "cap": written(rule.cap, lang),
        "floor_from": written(rule.floor_from, lang),
        "checker": checker_in_words(rule, lang),
    }


def bounds_in_words(rule: Rule, lang: str) -> str:
    """Return, in words, the range of values of its fact (input) for which a priority rule applies.

    "" for a plain yes/no fact.
    """
    from_zero = rule.at_least == ABOVE_ZERO
    if from_zero and rule.at_most is None and FACTS[rule.fact] is Unit.FLAG:
        return ""
    if rule.at_most is None:
        code = "ABOVE" if from_zero else "FROM"
    elif rule.at_most == rule.at_least:
        code = "EXACTLY"
    else:
        code = "ABOVE_TO" if from_zero else "FROM_TO"
    bounds = {"low": written(rule.at_least, lang), "high": written(rule.at_most, lang)}
    return reference.render(code, bounds, lang, kind="fact_bounds")


def differences(old: PriorityRules, new: PriorityRules, lang: str) -> Iterator[RuleDifference]:
    """Yield the differences from the priority rule set `old` to `new`, in words: ceiling, levels, rules.

    Of an added rule also the fields that it sets; of a removed one only that it was removed.
    """
    if old.ceiling != new.ceiling:
        sides = written(old.ceiling, lang), written(new.ceiling, lang)
        yield RuleDifference(of="", name="ceiling", before=sides[0], after=sides[1])
    lowest = {level.code: level.lowest for level in old.level}
    for level in new.level:
        if lowest.get(level.code) != level.lowest:
            yield RuleDifference(
                of=reference.label("level", level.code, lang),
                name="level",
                before=written(lowest.get(level.code), lang),
                after=written(level.lowest, lang),
            )
    befores, afters = ({rule.code: rule for rule in each.rule} for each in (old, new))
    for code in dict.fromkeys([*befores, *afters]):
        yield from _of_rule(befores.get(code), afters.get(code), lang)


def _of_rule(before: Rule | None, after: Rule | None, lang: str) -> Iterator[RuleDifference]:
    if after is None or before is None:
        said = [
            reference.label("ruleset_said", "PRESENT" if rule else "ABSENT", lang)
            for rule in (before, after)
        ]
        of = "".join(rule.name(lang) for rule in (before, after) if rule)
        yield RuleDifference(of=of, name="rule", before=said[0], after=said[1])
    if after is None:
        return
    for name in _COMPARED:
        was, now = _shown(before, name, lang), _shown(after, name, lang)
        if getattr(before or _NOTHING_SET, name) != getattr(after, name) and was != now:
            yield RuleDifference(of=after.name(lang), name=name, before=was, after=now)


def _shown(rule: Rule | None, name: str, lang: str) -> str:
    """Return the field `name` of a priority rule in words; "" without a rule or a value."""
    if rule is None:
        return ""
    value = getattr(rule, name)
    if name in _SAID:
        return _SAID[name](rule, lang)
    return value if isinstance(value, str) else written(value, lang)


def _least(rule: Rule, lang: str) -> str:
    if rule.at_least == ABOVE_ZERO:
        return reference.label("fact_bounds", "ABOVE", lang)
    return written(rule.at_least, lang)


def checker_in_words(rule: Rule, lang: str) -> str:
    """Return in `lang` who checked a priority rule: a person, nobody, or Fanal's authors ("the project")."""
    said = rule.checked_by in {UNCHECKED, _PROJECT}
    return reference.label("ruleset_said", rule.checked_by, lang) if said else rule.checked_by


_SAID: Mapping[str, Callable[[Rule, str], str]] = {
    "label": lambda rule, lang: rule.name(lang),
    "fact": lambda rule, lang: fact_in_words(rule.fact, lang),
    "at_least": _least,
    "each": lambda rule, lang: reference.label("ruleset_said", "YES" if rule.each else "NO", lang),
    "checked_by": checker_in_words,
}
