"""The form that makes a rule set from another: points, caps, floors and levels as typed, and their faults."""

from collections.abc import Iterator, Mapping
from datetime import date

from msgspec import Struct, structs

from fanal.analyse.domain.rules import (
    Level,
    PriorityRules,
    Rule,
    RulesRefused,
    check_rules,
)

Fault = tuple[str, str]
"""Name of the field (empty: the whole form) and code of what is wrong (label kind `ruleset_refused`)."""

_LONGEST = 20


class Row(Struct, frozen=True, kw_only=True):
    """One rule as the form shows it: the rule it starts from, and what stands in its three fields."""

    rule: Rule
    points: str
    cap: str
    floor: str


class Typed(Struct, frozen=True, kw_only=True):
    """Everything that stands in the form."""

    version: str
    ceiling: str
    levels: tuple[tuple[Level, str], ...]
    rows: tuple[Row, ...]


def typed_of(rules: PriorityRules, *, version: str) -> Typed:
    """Return the form filled with a rule set, under another version."""
    return Typed(
        version=version,
        ceiling=str(rules.ceiling),
        levels=tuple((level, str(level.lowest)) for level in rules.level),
        rows=tuple(
            Row(rule=r, points=_plain(r.points), cap=_plain(r.cap), floor=_plain(r.floor))
            for r in rules.rule
        ),
    )


def typed_from(post: Mapping[str, str], rules: PriorityRules) -> Typed:
    """Return the form as somebody sent it; a field that is missing is empty."""

    def said(name: str) -> str:
        return post.get(name, "").strip()[:_LONGEST]

    return Typed(
        version=post.get("version", "").strip()[:60],
        ceiling=said("ceiling"),
        levels=tuple((level, said(f"level-{level.code}")) for level in rules.level),
        rows=tuple(
            Row(
                rule=rule,
                points=said(f"points-{rule.code}"),
                cap=said(f"cap-{rule.code}"),
                floor=said(f"floor-{rule.code}"),
            )
            for rule in rules.rule
        ),
    )


def read_typed(
    typed: Typed, rules: PriorityRules, *, on: date
) -> tuple[PriorityRules | None, list[Fault]]:
    """Return the rule set that the form makes, in force from `on` at the earliest, or what is wrong."""
    faults: list[Fault] = []

    def number(name: str, text: str) -> float:
        value = _number(text)
        if value is None:
            faults.append((name, "NUMBER"))
        return value or 0.0

    def whole(name: str, text: str) -> int:
        value = number(name, text)
        if value != int(value):
            faults.append((name, "NUMBER"))
        return int(value)

    made = structs.replace(
        rules,
        version=typed.version,
        in_force_from=on,
        ceiling=whole("ceiling", typed.ceiling),
        level=tuple(
            structs.replace(level, lowest=whole(f"level-{level.code}", text))
            for level, text in typed.levels
        ),
        rule=tuple(
            structs.replace(
                row.rule,
                points=number(f"points-{row.rule.code}", row.points),
                cap=number(f"cap-{row.rule.code}", row.cap) if row.cap else None,
                floor=whole(f"floor-{row.rule.code}", row.floor) if row.floor else None,
                floor_from=row.rule.floor_from if row.floor else None,
            )
            for row in typed.rows
        ),
    )
    if not faults:
        try:
            check_rules(made)
        except RulesRefused as refused:
            faults.append((_field(refused), refused.code))
    return (None, faults) if faults else (made, [])


def differences(old: PriorityRules, new: PriorityRules) -> Iterator[tuple[str, str, str, str]]:
    """Yield what differs: rule or level code, name of the field, before, after; empty for absent."""
    if old.ceiling != new.ceiling:
        yield "", "ceiling", str(old.ceiling), str(new.ceiling)
    levels = {level.code: level.lowest for level in old.level}
    for level in new.level:
        if levels.get(level.code) != level.lowest:
            yield level.code, "level", str(levels.get(level.code, "")), str(level.lowest)
    rules = {rule.code: rule for rule in old.rule}
    for code in dict.fromkeys([*rules, *(rule.code for rule in new.rule)]):
        before = rules.get(code)
        after = next((rule for rule in new.rule if rule.code == code), None)
        for name in ("fact", "at_least", "at_most", "points", "cap", "floor", "floor_from"):
            was, now = getattr(before, name, None), getattr(after, name, None)
            if was != now:
                yield code, name, _plain(was), _plain(now)


def _field(refused: RulesRefused) -> str:
    if refused.code in ("VERSION", "CEILING"):
        return refused.code.lower()
    if refused.code == "LEVELS":
        return "level-DANGER"
    name = "floor" if refused.code in ("FLOOR", "FLOOR_FROM", "NO_DANGER") else "points"
    return f"{name}-{refused.rule}" if refused.rule else ""


def _number(text: str) -> float | None:
    """Return the number of a text with a point or a comma, None when it is none (`nan` is none)."""
    try:
        value = float(text.replace(",", ".").replace("\u2212", "-"))
    except ValueError:
        return None
    return value if abs(value) < 1_000_000 else None


def _plain(value: object) -> str:
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float | int) else str(value)
