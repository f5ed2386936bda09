"""Labels and message templates of codes, in French and English."""

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from string import Formatter

from fanal.kernel.calendar import PARIS, is_within
from fanal.reference.reader import LabelFile, ReferenceRefused
from fanal.reference.records import Text

Value = str | int | float | bool | list[str] | tuple[str, ...] | date | datetime
_FORMATS = frozenset({"date", "instant", "percent", "number", "either"})
_NARROW = re.compile(r" (?=[;!?](?:\s|$|[)»]))")
_WIDE = re.compile(r" (?=:(?:\s|$))|(?<=«) | (?=»)| (?=%)|(?<=\bn°) ")
_FORMS = "|"
_NUMBER_GROUP = "\u202f"


class Words:
    """All labels of all packages, validated once: no duplicate codes, same parameters in both languages."""

    def __init__(self, files: Iterable[LabelFile]) -> None:
        """Merge and validate label files.

        Raises:
            ReferenceRefused: a duplicate code, different parameters, an unknown format.
        """
        self._texts: dict[str, dict[str, Text]] = {}
        for file in files:
            for kind, codes in file.labels.items():
                self._add(kind, codes, file.package)
        for kind, codes in self._texts.items():
            for code, text in codes.items():
                self._check(kind, code, text)

    def kinds(self) -> tuple[str, ...]:
        """Return the kinds of label (groups of codes, such as `measure_warning`), sorted."""
        return tuple(sorted(self._texts))

    def codes(self, kind: str) -> tuple[str, ...]:
        """Return the codes of a label kind, in file order; empty for an unknown kind."""
        return tuple(self._texts.get(kind, {}))

    def missing(self, kind: str, codes: Iterable[str]) -> tuple[str, ...]:
        """Return those of `codes` that have no label of that kind, in order."""
        known = self._texts.get(kind, {})
        return tuple(code for code in codes if code not in known)

    def label(self, kind: str, code: str, lang: str) -> str:
        """Return the label of `code` in the group `kind`, in `lang`; the code itself without one."""
        return self.render(code, {}, lang, kind=kind)

    def render(
        self, code: str, parameters: Mapping[str, Value], lang: str, *, kind: str = "because"
    ) -> str:
        """Render the message of `code` in `lang` with its parameters; `kind` is the label kind.

        A placeholder may have a format (`{day:date}`), plural forms (`{n:point|points}`) or a label kind. A
        code without a label is printed with its parameters, a missing parameter as “?”: a page about a child
        must open even if a label is missing. The tests refuse both.
        """
        text = self._texts.get(kind, {}).get(code)
        if text is None:
            return " ".join([code, *(f"{k}={_plain(v, lang)}" for k, v in parameters.items())])
        parts: list[str] = []
        for literal, name, spec, _ in Formatter().parse(text.of(lang)):
            parts.append(literal)
            if name is not None:
                parts.append(self._value(parameters.get(name, "?"), spec or "", lang))
        return "".join(parts)

    def _value(self, value: Value, spec: str, lang: str) -> str:
        if _FORMS in spec:
            return counted(value, spec, lang)
        if spec in self._texts:
            values = value if isinstance(value, list | tuple) else [value]
            return ", ".join(self.label(spec, str(item), lang) for item in values)
        if spec in ("date", "instant"):
            return _moment(value, spec, lang)
        if spec == "percent" and isinstance(value, int | float):
            share = _plain(round(value * 100), lang)
            return f"{share}%" if lang.startswith("en") else f"{share}\u00a0%"
        if spec == "either" and isinstance(value, list | tuple) and len(value) == 2:
            return either(value[0], value[1], lang)
        return _plain(value, lang)

    def _add(self, kind: str, codes: Mapping[str, Text], package: str) -> None:
        known = self._texts.setdefault(kind, {})
        for code, text in codes.items():
            if code in known:
                raise ReferenceRefused(f"{package}.toml: {kind}.{code} already has words")
            known[code] = Text(fr=french(text.fr), en=text.en)

    def _check(self, kind: str, code: str, text: Text) -> None:
        try:
            fields = [set(_fields(words)) for words in (text.fr, text.en)]
        except ValueError as error:
            raise ReferenceRefused(f"labels {kind}.{code}: {error}") from error
        if _told(fields[0]) != _told(fields[1]):
            raise ReferenceRefused(f"labels {kind}.{code}: parameters differ between languages")
        known = _FORMATS | self._texts.keys()
        for name, spec in fields[0] | fields[1]:
            forms = spec.split(_FORMS)
            fits = len(forms) == 2 and all(forms) if len(forms) > 1 else not spec or spec in known
            if not name.isidentifier() or not fits:
                raise ReferenceRefused(f"labels {kind}.{code}: unknown format {name}:{spec}")


def french(text: str) -> str:
    """Return a French text with its no-break spaces, as French typography requires."""
    return _WIDE.sub("\u00a0", _NARROW.sub("\u202f", text))


def either(fr: str, en: str, lang: str) -> str:
    """Return the French or the English text by `lang`, for a text that no label file contains.

    French gets its no-break spaces.
    """
    return en if lang.startswith("en") else french(fr)


def counted(value: Value, forms: str, lang: str) -> str:
    """Return the singular or plural form for a number; `forms` is `point|points`.

    In French, numbers below two take the singular, zero included (`1,5 point`). A value that is no number
    takes the plural.
    """
    one, many = forms.split(_FORMS)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return many
    size = abs(value)
    return one if (size == 1 if lang.startswith("en") else size < 2) else many


def _told(fields: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the parameters of a message template as pairs (name, format), to compare the two languages.

    Plural forms are left out, since they differ by language.
    """
    return {(name, spec) for name, spec in fields if _FORMS not in spec}


def _fields(words: str) -> list[tuple[str, str]]:
    return [(name, spec or "") for _, name, spec, _ in Formatter().parse(words) if name is not None]


def _plain(value: Value, lang: str) -> str:
    english = lang.startswith("en")
    if isinstance(value, bool):
        return ("yes" if value else "no") if english else ("oui" if value else "non")
    if isinstance(value, list | tuple):
        return ", ".join(value)
    if isinstance(value, int | float):
        return _number(value, english=english)
    return str(value)


def _number(value: float, *, english: bool) -> str:
    """Format a number in English or (`english` false) French: grouped digits, two decimals at most."""
    plain = f"{abs(value):,}" if isinstance(value, int) else f"{abs(value):,.2f}"
    plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
    if not english:
        plain = plain.replace(",", _NUMBER_GROUP).replace(".", ",")
    return f"\u2212{plain}" if value < 0 else plain


def _moment(value: Value, spec: str, lang: str) -> str:
    """Format a day or an instant for reading, in Europe/Paris; other values as plain text.

    `spec` is the placeholder's format: with "date" only the day is written, with "instant" also the time.
    """
    moment = _read_moment(value)
    if moment is None:
        return _plain(value, lang)
    return spoken_moment(moment if spec == "instant" else _day_of(moment), lang)


def spoken_moment(moment: date | datetime, lang: str) -> str:
    """Format a day (`1er mai 2026`) or an instant for a sentence.

    An instant is written with its time, in its own time zone. English if `lang` begins with `en`, else
    French.
    """
    english = lang.startswith("en")
    names = _MONTHS_EN if english else _MONTHS_FR
    day = "1er" if moment.day == 1 and not english else str(moment.day)
    words = f"{day}\u00a0{names[moment.month - 1]} {moment.year}"
    if not isinstance(moment, datetime):
        return words
    joint = " at " if english else " à "
    return f"{words}{joint}{moment:%H:%M}"


def _day_of(moment: date | datetime) -> date:
    return moment.date() if isinstance(moment, datetime) else moment


def _read_moment(value: Value) -> date | datetime | None:
    """Return the day or the instant (in Europe/Paris) that a value represents, None if neither."""
    moment: object = value
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            return None
    if isinstance(moment, datetime) and moment.tzinfo is not None:
        return moment.astimezone(PARIS) if is_within(moment.year) else None
    return moment if isinstance(moment, date) else None


_MONTHS_FR = (
    "janvier", "février", "mars", "avril", "mai", "juin",
    "juillet", "août", "septembre", "octobre", "novembre", "décembre",
)  # fmt: skip
_MONTHS_EN = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
