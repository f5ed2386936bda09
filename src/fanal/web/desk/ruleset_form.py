"""The form that makes a rule set from another: everything as typed, and what is wrong with it. Pure."""

from collections.abc import Container, Iterator, Mapping, Sequence
from datetime import date
from itertools import count

from msgspec import Struct, structs

from fanal.analyse.domain.facts import FACTS, Unit
from fanal.analyse.domain.rules import (
    ABOVE_ZERO,
    UNCHECKED,
    PriorityLevel,
    PriorityRules,
    Rule,
    RulesRefused,
    check_rules,
)
from fanal.reference.records import Text
from fanal.web.desk.ruleset_words import number_in, written

Fault = tuple[str, str]
"""Name of the field (empty: the whole form) and code of what is wrong (label kind `ruleset_refused`)."""

ADDED = 12
"""Rules that one draft can add."""
_NEW = "new-"
_NUMBERS_OF_ADDED = ("at_least", "at_most", "points", "cap", "floor", "floor_from")
_NO_RULE = Rule(
    code="", fact="", points=0, source="", checked_by=UNCHECKED, label=Text(fr="", en="")
)
_LONGEST, _LONGEST_WORDS = 30, 300
_FAULTY_FIELD = {
    "FACT": "fact",
    "LABEL_FR": "label_fr",
    "LABEL_EN": "label_en",
    "SOURCE": "source",
    "BOUNDS": "at_most",
    "CAP": "cap",
    "FLOOR": "floor",
    "FLOOR_OWN": "floor",
    "FLOOR_UNCHECKED": "floor",
    "FLOOR_FROM": "floor_from",
    "NO_DANGER": "floor",
}


class RuleRow(Struct, frozen=True, kw_only=True):
    """One rule as the form shows it.

    `key` ends the names of its fields: the rule's code, or `new-1` for a rule that is added. `rule` is the
    one it starts from, or the words of the added one. `numbers` holds what stands in each field of a number,
    by the name before the key. `out`: the rule is left out of the draft.
    """

    key: str
    rule: Rule
    numbers: Mapping[str, str]
    out: bool = False

    @property
    def added(self) -> bool:
        """Return whether the row is a rule that the draft adds."""
        return not self.rule.code

    @property
    def blank(self) -> bool:
        """Return whether the row offers a further rule and nobody wrote in it."""
        return self.rule == _NO_RULE and not any(self.numbers.values())


class Typed(Struct, frozen=True, kw_only=True):
    """Everything that stands in the form."""

    version: str
    ceiling: str
    levels: tuple[tuple[PriorityLevel, str], ...]
    rows: tuple[RuleRow, ...]


def typed_of(rules: PriorityRules, left_out: Sequence[Rule], *, version: str, lang: str) -> Typed:
    """Return the form filled with a rule set under another version; `left_out` may be brought back."""
    return typed_from({"version": version}, rules, left_out, lang=lang)


def typed_from(
    post: Mapping[str, str], rules: PriorityRules, left_out: Sequence[Rule], *, lang: str
) -> Typed:
    """Return the form as somebody sent it; a field that was not sent stands as in `rules`."""

    def said(name: str, value: float) -> str:
        return post.get(name, written(value, lang)).strip()[:_LONGEST]

    rows = [_row(post, rule, out=f"off-{rule.code}" in post, lang=lang) for rule in rules.rule]
    # A form that says nothing of a rule that is not in force does not bring it back.
    for rule in left_out:
        out = f"off-{rule.code}" in post or f"points-{rule.code}" not in post
        rows.append(_row(post, rule, out=out, lang=lang))
    rows += [_added(post, n) for n in range(1, ADDED + 1) if f"fact-{_NEW}{n}" in post]
    return Typed(
        version=post.get("version", "").strip()[:60],
        ceiling=said("ceiling", rules.ceiling),
        levels=tuple((level, said(f"level-{level.code}", level.lowest)) for level in rules.level),
        rows=tuple(rows),
    )


def with_blank(typed: Typed) -> Typed:
    """Return the form with an empty row for a further rule; as it is where it has one, or all of them."""
    if any(row.blank for row in typed.rows):
        return typed
    taken = {row.key for row in typed.rows}
    free = [n for n in range(1, ADDED + 1) if f"{_NEW}{n}" not in taken]
    rows = [_added({}, n) for n in free[:1]]
    return structs.replace(typed, rows=(*typed.rows, *rows))


def with_replacement(typed: Typed, code: str) -> Typed:
    """Return the form with the rule `code` left out, and an added one that starts from its numbers.

    What a rule looks at is changed so: points of another fact are those of another rule, which has a name, a
    source and a check of its own. As it is where no rule has that code, or no further one can be added.
    """
    left = next((row for row in typed.rows if row.rule.code == code and not row.added), None)
    offered = with_blank(typed)
    blank = next((row for row in offered.rows if row.blank), None)
    if left is None or blank is None:
        return typed
    rule = structs.replace(blank.rule, fact=left.rule.fact, each=left.rule.each)
    if left.rule.label is not None:
        rule = structs.replace(rule, label=left.rule.label, source=left.rule.source)
    numbers = {name: left.numbers.get(name, "") for name in _NUMBERS_OF_ADDED}
    changed = {
        left.key: structs.replace(left, out=True),
        blank.key: RuleRow(key=blank.key, rule=rule, numbers=numbers),
    }
    return structs.replace(offered, rows=tuple(changed.get(row.key, row) for row in offered.rows))


def read_typed(
    typed: Typed, rules: PriorityRules, *, on: date
) -> tuple[PriorityRules | None, list[Fault]]:
    """Return the rule set that the form makes, in force from `on` at the earliest, or what is wrong."""
    reader = _Reader()
    made_rules, keys = _rules_of(typed, reader)
    made = structs.replace(
        rules,
        version=typed.version,
        in_force_from=on,
        ceiling=reader.whole("ceiling", typed.ceiling),
        level=tuple(
            structs.replace(level, lowest=reader.whole(f"level-{level.code}", text))
            for level, text in typed.levels
        ),
        rule=made_rules,
    )
    if not reader.faults:
        try:
            check_rules(made)
            _check_floors(made)
        except RulesRefused as refused:
            reader.faults.append((_field(refused, keys), refused.code))
    return (None, reader.faults) if reader.faults else (made, [])


def _check_floors(rules: PriorityRules) -> None:
    """Refuse a floor that would never be set: nobody shall believe that it protects.

    Raises:
        RulesRefused: FLOOR_UNCHECKED.
    """
    for rule in rules.rule:
        if rule.sets_no_floor:
            raise RulesRefused("FLOOR_UNCHECKED", rule.code)


def fields_of(rule: Rule) -> Iterator[str]:
    """Yield the numbers that the form has for a rule: a flag has no bounds."""
    set_before = (
        rule.at_least != ABOVE_ZERO,
        rule.at_most is not None,
        rule.floor_from is not None,
    )
    bounded = FACTS[rule.fact] is not Unit.FLAG or any(set_before)
    if bounded:
        yield from ("at_least", "at_most")
    yield from ("points", "cap", "floor")
    if bounded:
        yield "floor_from"


class _Reader:
    """Reads the texts of fields, and keeps which of them are no numbers."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def number(self, name: str, text: str) -> float:
        value = number_in(text)
        if value is None:
            self.faults.append((name, "NUMBER"))
        return value or 0.0

    def whole(self, name: str, text: str) -> int:
        value = self.number(name, text)
        if value != int(value):
            self.faults.append((name, "WHOLE"))
        return int(value)

    def rule(self, row: RuleRow) -> Rule:
        """Return the rule that a row makes; a field that it does not have stays as it was."""
        read: dict[str, float | None] = {}
        for name, text in row.numbers.items():
            if not text and name != "points":
                read[name] = ABOVE_ZERO if name == "at_least" else None
            else:
                reads = self.whole if name == "floor" else self.number
                read[name] = reads(f"{name}-{row.key}", text)
        return structs.replace(row.rule, **read)


def _rules_of(typed: Typed, reader: _Reader) -> tuple[tuple[Rule, ...], dict[str, RuleRow]]:
    """Return the rules that the rows make, and the row of each code, of those left out too."""
    rows = {row.rule.code: row for row in typed.rows if not row.added}
    made = []
    for row in typed.rows:
        if row.out or row.blank:
            continue
        rule = reader.rule(row)
        if row.added:
            rule = structs.replace(rule, code=_free_code(rule.fact, rows))
            rows[rule.code] = row
        made.append(rule)
    return tuple(made), rows


def _row(post: Mapping[str, str], rule: Rule, *, out: bool, lang: str) -> RuleRow:
    shown = structs.asdict(rule)
    if rule.at_least == ABOVE_ZERO:
        shown["at_least"] = None
    return RuleRow(
        key=rule.code,
        rule=rule,
        numbers={
            name: post.get(f"{name}-{rule.code}", written(shown[name], lang)).strip()[:_LONGEST]
            for name in fields_of(rule)
        },
        out=out,
    )


def _added(post: Mapping[str, str], number: int) -> RuleRow:
    key = f"{_NEW}{number}"

    def said(name: str, longest: int) -> str:
        # Hard spaces that a keyboard or a paste brings are those that French typography puts back.
        return " ".join(post.get(f"{name}-{key}", "").split())[:longest]

    fr, en, source = (said(name, _LONGEST_WORDS) for name in ("label_fr", "label_en", "source"))
    return RuleRow(
        key=key,
        rule=structs.replace(
            _NO_RULE,
            fact=said("fact", _LONGEST_WORDS),
            label=Text(fr=fr, en=en),
            source=source,
            checked_by=said("checked_by", _LONGEST_WORDS) or UNCHECKED,
            each=f"each-{key}" in post,
        ),
        numbers={name: said(name, _LONGEST) for name in _NUMBERS_OF_ADDED},
    )


def _free_code(fact: str, taken: Container[str]) -> str:
    """Return a code that no rule bears, in force or left out: its points stay told apart from another's."""
    stem = f"DESK_{fact.upper()}"
    return next(
        code for code in (stem if n == 1 else f"{stem}_{n}" for n in count(1)) if code not in taken
    )


def _field(refused: RulesRefused, keys: Mapping[str, RuleRow]) -> str:
    if refused.code in ("VERSION", "CEILING"):
        return refused.code.lower()
    if refused.code == "LEVELS":
        return "level-DANGER"
    row = keys.get(refused.rule)
    if row is None:
        return ""
    name = "off" if row.out else _FAULTY_FIELD.get(refused.code, "points")
    if row.added and refused.code == "FLOOR_UNCHECKED":
        name = "checked_by"
    return f"{name}-{row.key}"
