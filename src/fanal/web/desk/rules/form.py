"""The draft form of a rule set: typed values, their validation into priority rules, fields to show."""

from collections.abc import Container, Iterator, Mapping, Sequence
from datetime import date
from itertools import count

from django.utils.translation import gettext as _
from msgspec import Struct, structs

from fanal import reference
from fanal.analyse.priority.domain.facts import FACTS, Unit
from fanal.analyse.priority.domain.rules import (
    ABOVE_ZERO,
    UNCHECKED,
    PriorityLevel,
    PriorityRules,
    Rule,
    check_rules,
)
from fanal.kernel.refusal import Refusal
from fanal.reference.records import Text
from fanal.web.desk.rules.words import fact_in_words, number_in, rule_in_words, written

Fault = tuple[str, str]
"""Field name (empty: the whole form) and error code (label kind `ruleset_refusal`)."""

ADDED = 12
"""Maximum number of rules that one draft can add."""
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
    """A priority rule as a row of the form of a draft rule set.

    `key` is the suffix of the row's field names: the rule's code, or `new-1` for an added rule. `rule` is the
    original rule, or the texts of the added one. `numbers` holds the typed text of each number field, by
    field name without suffix. `out`: the draft leaves the rule out.
    """

    key: str
    rule: Rule
    numbers: Mapping[str, str]
    out: bool = False

    @property
    def added(self) -> bool:
        """Whether the draft adds this rule; false for a rule of the set being changed."""
        return not self.rule.code

    @property
    def blank(self) -> bool:
        """Whether the row is still empty: a form for a further priority rule."""
        return self.rule == _NO_RULE and not any(self.numbers.values())


class Typed(Struct, frozen=True, kw_only=True):
    """All values typed in the form of a draft set of priority rules, as text.

    `version` is the name of the draft, `ceiling` the highest score that points can give. `levels` are (level,
    lowest score as typed); `rows` are the rules.
    """

    version: str
    ceiling: str
    levels: tuple[tuple[PriorityLevel, str], ...]
    rows: tuple[RuleRow, ...]


def typed_of(rules: PriorityRules, left_out: Sequence[Rule], *, version: str, lang: str) -> Typed:
    """Return the draft form filled with a set of priority rules; those `left_out` can be selected again.

    `version` is the proposed name of the new version; numbers are written as in `lang`.
    """
    return typed_from({"version": version}, rules, left_out, lang=lang)


def typed_from(
    post: Mapping[str, str], rules: PriorityRules, left_out: Sequence[Rule], *, lang: str
) -> Typed:
    """Return the draft form of a priority rule set as posted; a missing number keeps its value in `rules`.

    `post` are the posted fields. `rules` is the set being changed. A missing version is empty. `left_out`:
    rules of other sets; each stays out of the draft unless its fields were posted.
    """

    def said(name: str, value: float) -> str:
        return post.get(name, written(value, lang)).strip()[:_LONGEST]

    rows = [_row(post, rule, out=f"off-{rule.code}" in post, lang=lang) for rule in rules.rule]
    # A rule that is not in force stays out unless the form has its fields.
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
    """Return a draft form with an empty row for a further priority rule.

    It is unchanged if it has such a row, or no room for more.
    """
    if any(row.blank for row in typed.rows):
        return typed
    taken = {row.key for row in typed.rows}
    free = [n for n in range(1, ADDED + 1) if f"{_NEW}{n}" not in taken]
    rows = [_added({}, n) for n in free[:1]]
    return structs.replace(typed, rows=(*typed.rows, *rows))


def with_replacement(typed: Typed, code: str) -> Typed:
    """Return a draft form in which a copy of the priority rule `code` replaces it, for a change of its fact.

    The fact (input) of a rule cannot be changed: a rule on another fact is another rule, with its own name,
    source and check. The copy has the old rule's fact, numbers, own name and source, but counts as unchecked.
    The form is unchanged when there is no such rule or no room for a further one.
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
    """Return (rule set, []) if the form (`typed`) is valid, else (None, errors).

    The rule set is in force from the day `on`. An error is (field name, code). `rules` is the set being
    changed.
    """
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
        except Refusal as refused:
            reader.faults.append((_field(refused, keys), refused.code))
    return (None, reader.faults) if reader.faults else (made, [])


def _check_floors(rules: PriorityRules) -> None:
    """Check that no priority rule sets a minimum priority (floor) without having been checked by a person.

    Such a floor would never apply, and nobody must rely on it.

    Raises:
        Refusal: FLOOR_UNCHECKED.
    """
    for rule in rules.rule:
        if rule.sets_no_floor:
            raise Refusal("ruleset", "FLOOR_UNCHECKED", rule=rule.code)


def fields_of(rule: Rule) -> Iterator[str]:
    """Yield the names of a priority rule's number fields, such as `points` and `cap`.

    A rule on a yes/no fact has no bounds, unless one is set.
    """
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
    """Parser of number fields that collects the errors in `faults`, as (field name, error code)."""

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
        """Return the priority rule of a row with the numbers typed; an invalid number is noted as an error.

        A value without a field in the form is kept. An empty field removes the value; for `points` it is an
        error.
        """
        read: dict[str, float | None] = {}
        for name, text in row.numbers.items():
            if not text and name != "points":
                read[name] = ABOVE_ZERO if name == "at_least" else None
            else:
                reads = self.whole if name == "floor" else self.number
                read[name] = reads(f"{name}-{row.key}", text)
        return structs.replace(row.rule, **read)


def _rules_of(typed: Typed, reader: _Reader) -> tuple[tuple[Rule, ...], dict[str, RuleRow]]:
    """Return the rules of the draft rule set, and form rows by rule code, those of rules left out too.

    Errors are collected in `reader`. `typed` are the values of the form.
    """
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
        # Non-breaking spaces are normalised; French typography adds its own on display.
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
    """Return a code for a new priority rule on `fact` that is not among `taken`, the codes of all rules."""
    stem = f"DESK_{fact.upper()}"
    return next(
        code for code in (stem if n == 1 else f"{stem}_{n}" for n in count(1)) if code not in taken
    )


def _field(refused: Refusal, keys: Mapping[str, RuleRow]) -> str:
    if refused.code in ("VERSION", "CEILING"):
        return refused.code.lower()
    if refused.code == "LEVELS":
        return "level-DANGER"
    row = keys.get(str(refused.parameters.get("rule")))
    if row is None:
        return ""
    name = "off" if row.out else _FAULTY_FIELD.get(refused.code, "points")
    if row.added and refused.code == "FLOOR_UNCHECKED":
        name = "checked_by"
    return f"{name}-{row.key}"


NUMBERS = ("at_least", "at_most", "points", "cap", "floor", "floor_from")
_Field = dict[str, str | int]
_VERSION, _WORDS = 60, 300


class Page:
    """The fields of the draft form of a rule set in one language.

    Errors are at their fields, and in a summary with links to them.
    """

    def __init__(self, typed: Typed, faults: Sequence[Fault], lang: str) -> None:
        """Store the typed values, and the errors (`faults`), each as (field name, error code)."""
        self._typed, self._lang = typed, lang
        self._names: dict[str, str] = {}
        self._told = {name: self._why(code) for name, code in faults}

    def context(self) -> dict[str, object]:
        """Return the template context of the form: fields, rules by row, errors.

        Keys: `version`, `ceiling`, `levels` (fields); `columns` (titles), `rows` (existing rules), `added`
        (new rules); `replaced` (field to choose a rule to replace) and `replaceable` (the choices: code,
        name); `facts` (code, description); `faults` (field name, label, reason).
        """
        typed = self._typed
        return {
            "version": self._field(
                "version", typed.version, _("Name of this version"), longest=_VERSION
            ),
            "ceiling": self._field("ceiling", typed.ceiling, _("Ceiling")),
            "levels": [
                self._field(
                    f"level-{level.code}", value, reference.label("level", level.code, self._lang)
                )
                for level, value in typed.levels
            ],
            "columns": [self._title(name) for name in NUMBERS],
            "rows": [self._rule(row) for row in typed.rows if not row.added],
            "added": [self._added(row) for row in typed.rows if row.added],
            "replaced": self._field("replaced", "", _("Rule to replace")),
            "replaceable": [
                (row.key, row.rule.name(self._lang))
                for row in typed.rows
                if not (row.added or row.out)
            ],
            "facts": [(fact, fact_in_words(fact, self._lang)) for fact in FACTS],
            # Last: building the fields above has registered their labels.
            "faults": [(name, self._names.get(name), why) for name, why in self._told.items()],
        }

    def _rule(self, row: RuleRow) -> dict[str, object]:
        name = row.rule.name(self._lang)
        return {
            **rule_in_words(row.rule, self._lang),
            "off": self._field(f"off-{row.key}", "on" if row.out else "", _("Deactivate")),
            # None keeps the column of a field that the rule does not have.
            "fields": [
                self._field(f"{part}-{row.key}", row.numbers[part], f"{self._title(part)}, {name}")
                if part in row.numbers
                else None
                for part in NUMBERS
            ],
        }

    def _added(self, row: RuleRow) -> dict[str, object]:
        label = row.rule.label
        checker = "" if row.rule.unchecked else row.rule.checked_by
        words = {
            "label_fr": (label.fr if label else "", _("Name in French")),
            "label_en": (label.en if label else "", _("Name in English")),
            "source": (row.rule.source, _("Source or reason")),
            "checked_by": (checker, _("Checked by (empty: nobody)")),
        }
        return {
            "key": row.key,
            "fact": self._field(f"fact-{row.key}", row.rule.fact, _("What it looks at")),
            "words": [
                self._field(f"{n}-{row.key}", *said, longest=_WORDS) for n, said in words.items()
            ],
            "each": self._field(
                f"each-{row.key}", "on" if row.rule.each else "", _("Points for each")
            ),
            "fields": [
                self._field(f"{part}-{row.key}", text, self._title(part))
                for part, text in row.numbers.items()
            ],
        }

    def _field(self, name: str, value: str, words: str, *, longest: int = 0) -> _Field:
        """Return the template context of a form field; `words` is its label.

        `longest`: the maximum length of a text; 0 for a number. `name` is the field's name, `value` its typed
        text.
        """
        self._names[name] = words
        wrong = self._told.get(name, "")
        return {"name": name, "value": value, "words": words, "wrong": wrong, "longest": longest}

    def _title(self, part: str) -> str:
        return reference.label("ruleset_field", part, self._lang)

    def _why(self, code: str) -> str:
        return reference.label("ruleset_refusal", code, self._lang)
