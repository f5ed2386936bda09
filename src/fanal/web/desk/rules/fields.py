"""Fields of the draft form of a rule set: label, value and error of each."""

from collections.abc import Sequence

from django.utils.translation import gettext as _

from fanal import reference
from fanal.analyse.priority.domain.facts import FACTS
from fanal.web.desk.rules.form import Fault, RuleRow, Typed
from fanal.web.desk.rules.words import fact_in_words, rule_in_words

NUMBERS = ("at_least", "at_most", "points", "cap", "floor", "floor_from")
_Field = dict[str, str | int]
_VERSION, _WORDS = 60, 300


class Page:
    """The draft form's fields in one language; errors are at their fields, and in a summary with links."""

    def __init__(self, typed: Typed, faults: Sequence[Fault], lang: str) -> None:
        """Store the typed values, and the errors (`faults`), each as (field name, error code)."""
        self._typed, self._lang = typed, lang
        self._names: dict[str, str] = {}
        self._told = {name: self._why(code) for name, code in faults}

    def context(self) -> dict[str, object]:
        """Return the template context of the form."""
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
