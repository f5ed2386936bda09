"""Variants and misspellings of suspects' user names (handles), mailboxes and telephone numbers.

A variation in letters is evidence by itself. Digits distinguish people (`marie75`, `marie76`; the numbers of
one block): where a digit differs, the name or the date of birth must be equal too, and is part of the
compared form.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from fanal.crosscheck.domain.cards import mark_of
from fanal.crosscheck.domain.hubs import is_empty_name, is_empty_phone, is_plain_handle
from fanal.crosscheck.domain.names import words_of
from fanal.crosscheck.similar.domain.rules import SpellingRule
from fanal.formats.report.records import Person, PersonRole
from fanal.harmonise.domain.records import HarmonisedReport, Selector, SelectorKind, SelectorRole
from fanal.harmonise.domain.redaction.search import fold
from fanal.harmonise.domain.values.handles import bare_name, read_handle

# Canonical forms: variants of an identifier by the same author get an equal form.

_NOT_LETTERS = re.compile(r"[^a-z]+")
_LEET = str.maketrans("013457$@", "oieastsa")
_BEFORE = re.compile("x++|the|its|real|mr")
_AFTER = ("off", "real", "fr")
_CORE = 5
"""Fewest letters that remain of a name after the removal of decorations."""
_APART = re.compile(r"[\W_]+")
_SPARE_WORDS = "backup|bkp|bak|alt|old|new|bis|official|officiel|secours|perso|second|again|back|v"
# Matched on the reversed name, so that each character is read once: `2_pukcab.` for `.backup_2`.
_SPARE = re.compile(rf"(?:\d{{0,4}}(?:{_SPARE_WORDS[::-1]})?[._\-]++)++")
_SPARE_NAME = re.compile(r"(?:backup|official)\d?$")
_TAIL = re.compile(r"(?<![\d_.\-])[\d_.\-]++$")
_WORDS = re.compile(r"[^\W\d_]+(?:[._\-\s][^\W\d_]+)+")
_INNER = re.compile(r"(?<=[a-z])[013457](?=[a-z])")
_FRAMED_CORE = 6


def mail_name(address: str) -> str:
    """Return the local part of an e-mail address without tag and separators; empty under five characters."""
    name = address.rpartition("@")[0].lower().partition("+")[0]
    bare = re.sub(r"[.\-_]", "", name)
    return bare if len(bare) >= 5 else ""


def handle_stem(name: str) -> str:
    """Return the letters a to z of a user name; leet digits are read as letters, decorations removed.

    Decorations are final digits and separators, and a usual beginning and ending (`_unwrapped`). Other
    letters are dropped (`Élodie` gives `lodie`). Empty where fewer than five remain: a form shared by many is
    no evidence.
    """
    lower = name.lower()
    bare = _TAIL.sub("", lower) or lower
    stem = _unwrapped(_NOT_LETTERS.sub("", bare.translate(_LEET)))
    return stem if len(stem) >= 5 else ""


def handle_core(name: str) -> str:
    """Return a handle without the additions of a second account; its own digits remain.

    Removed are separators, a tail after a separator (`_2`, `.backup`) and an `x` at both ends. Digits between
    letters are read as letters. `marie75` and `marie76` stay different.
    """
    plain = _APART.sub("", _without_spare(fold(name)) or fold(name))
    return _unframed(_INNER.sub(lambda found: found.group().translate(_LEET), plain))


def is_of_words(name: str) -> bool:
    """Return whether a user name consists of separated words of letters, as people write their own names."""
    return _WORDS.fullmatch(_without_spare(fold(name))) is not None


def mail_core(address: str) -> str:
    """Return the local part of a mailbox without tag (`+…`), separators, accents and case; digits remain."""
    return _APART.sub("", fold(address.rpartition("@")[0]).partition("+")[0])


def _unwrapped(letters: str) -> str:
    """Return letters without a usual beginning (`x`, `the`, `real`) and, if it had one, ending (`off`).

    Each is removed only as far as five letters remain.
    """
    found = _BEFORE.match(letters)
    if found is None:
        return letters
    start = min(found.end(), len(letters) - _CORE) if letters[0] == "x" else found.end()
    if start < 1 or len(letters) - start < _CORE:
        return letters
    core = letters[start:]
    if core.endswith("x"):
        return core[: max(len(core.rstrip("x")), _CORE)]
    end = next((end for end in _AFTER if core.endswith(end)), "")
    return core.removesuffix(end) if len(core) - len(end) >= _CORE else core


def _without_spare(name: str) -> str:
    """Return a case-folded name without its final tags, each after a separator (`_2`, `.backup`, `-old3`).

    A tag is a word of `_SPARE_WORDS`, one to four digits, or both; separators alone are removed as well. A
    name without tags loses a final `backup` or `official`, with at most one digit. The result may be empty.
    """
    found = _SPARE.match(name[::-1])
    return name[: -found.end()] if found else _SPARE_NAME.sub("", name)


def _unframed(letters: str) -> str:
    """Return letters without an `x` at both ends, where six letters remain between them; else unchanged."""
    start = min(len(letters) - len(letters.lstrip("x")), len(letters) - _FRAMED_CORE - 1)
    if start < 1 or not letters.endswith("x"):
        return letters
    core = letters[start:]
    return core[: max(len(core.rstrip("x")), _FRAMED_CORE)]


def phone_core(number: str) -> str:
    """Return the digits of a telephone number with its calling code; a leading 0 becomes 33 (France).

    It also takes numbers that no parser accepts.
    """
    digits = re.sub(r"\D", "", number).removeprefix("00")
    national = digits.removeprefix("33").removeprefix("0")
    return f"33{national}" if digits.startswith(("0", "33")) else digits


def one_apart(one: str, two: str) -> str | None:
    """Return the differing characters of two texts at edit distance 1 (Damerau-Levenshtein); None otherwise.

    One edit is a substitution, an insertion, a deletion or a swap of two neighbours. Equal texts give None.
    """
    if one == two or abs(len(one) - len(two)) > 1:
        return None
    start, most = 0, min(len(one), len(two))
    while start < most and one[start] == two[start]:
        start += 1
    end = 0
    while end < most - start and one[-1 - end] == two[-1 - end]:
        end += 1
    mine, theirs = one[start : len(one) - end], two[start : len(two) - end]
    swapped = len(mine) == 2 and mine == theirs[::-1]
    return mine + theirs if swapped or max(len(mine), len(theirs)) == 1 else None


def without_one(text: str, *, digits: bool) -> set[str]:
    """Return a text and its deletion neighbourhood (SymSpell): the text without one of its characters.

    With `digits` a digit is deleted, otherwise another character. Two texts at edit distance 1 in such a
    character share an element; with two neighbours swapped, both lose the moved character.
    """
    return {text} | {
        text[:at] + text[at + 1 :] for at, c in enumerate(text) if c.isdigit() is digits
    }


HANDLE, HANDLE_LETTER, HANDLE_DIGIT = "NEAR_HANDLE", "NEAR_HANDLE_LETTER", "NEAR_HANDLE_DIGIT"
EMAIL, EMAIL_LETTER, EMAIL_DIGIT = "NEAR_EMAIL", "NEAR_EMAIL_LETTER", "NEAR_EMAIL_DIGIT"
PHONE = "NEAR_PHONE"
_LONGEST = 100  # characters of a value as reported
_ROLES = frozenset((SelectorRole.SUSPECT, SelectorRole.ASSOCIATED, SelectorRole.CONTENT))


class Spelling(NamedTuple):
    """An identifier in comparable form: its kind, its value, and its core (the value without variations).

    `beside` is a name or a date of birth that must be equal too; empty where letters are evidence enough.
    """

    kind: SelectorKind
    value: str
    core: str
    beside: str = ""

    def forms(self) -> set[str]:
        """Return the blocking keys of the identifier as texts: two similar identifiers share at least one."""
        digits = bool(self.beside)
        return {
            f"{self.kind}|{self.beside}|{form}" for form in without_one(self.core, digits=digits)
        }

    def written(self) -> str:
        """Return the value of the identifier, as pages show it to people."""
        return f"+{self.value}" if self.kind is SelectorKind.PHONE else self.value

    def whole(self) -> str:
        """Return a key that is equal for identifiers of the same kind, value and `beside`.

        `beside` is the name or birth date that must be equal too, if any.
        """
        return f"{self.kind}|{self.beside}|{self.value}"


def spellings_of(report: HarmonisedReport, rule: SpellingRule) -> list[Spelling]:
    """Return at most `rule.values` comparable identifiers of a report, each once.

    Those in the fields of suspects come first, then the selectors (identifiers) of suspects, of associated
    accounts and of the content.
    """
    return list(dict.fromkeys(islice(_spellings(report, rule), rule.values)))


def way_of(one: Spelling, two: Spelling, rule: SpellingRule) -> str | None:
    """Return the kind of similarity of two identifiers (`NEAR_HANDLE`, …); None if equal or not similar.

    They are similar if their cores (values without variations) are equal or one edit apart; `rule` sets when
    that is evidence enough.
    """
    if (one.kind, one.beside) != (two.kind, two.beside) or one.value == two.value:
        return None
    same, letter, digit = _WAYS[one.kind]
    if one.core == two.core:
        return None if one.beside or not _tells_alone(one, two, rule) else same
    apart = one_apart(one.core, two.core)
    if apart is None:
        return None
    if one.beside:
        return digit if apart.isdigit() else None
    return letter if apart.isalpha() and _is_telling(one, two, rule) else None


_WAYS = {
    SelectorKind.HANDLE: (HANDLE, HANDLE_LETTER, HANDLE_DIGIT),
    SelectorKind.EMAIL: (EMAIL, EMAIL_LETTER, EMAIL_DIGIT),
    SelectorKind.PHONE: (None, None, PHONE),
}


def _tells_alone(one: Spelling, two: Spelling, rule: SpellingRule) -> bool:
    """Return whether an equal core is rare enough to suggest the same person without further evidence.

    The core is an identifier's value without variations; the caller has found that both are equal. A mailbox
    without digits is a name, which other people have at other providers. A handle with numbers on both sides
    belongs to a series that many people use.
    """
    if _has_figures(one, rule):
        return True
    if one.kind is SelectorKind.EMAIL:
        return one.value.rpartition("@")[2] == two.value.rpartition("@")[2]
    numbered = all(any(c.isdigit() for c in bare_name(each.value)) for each in (one, two))
    return not numbered and _is_telling(one, two, rule)


def _is_telling(one: Spelling, two: Spelling, rule: SpellingRule) -> bool:
    if _has_figures(one, rule):
        return True
    # A first name and a surname: every namesake may choose them as a handle.
    named = one.kind is SelectorKind.HANDLE and all(
        is_of_words(bare_name(each.value)) for each in (one, two)
    )
    return not named and min(len(one.core), len(two.core)) >= rule.long


def _has_figures(spelling: Spelling, rule: SpellingRule) -> bool:
    least = rule.handle_figures if spelling.kind is SelectorKind.HANDLE else rule.figures
    return sum(c.isdigit() for c in spelling.core) >= least


def _spellings(report: HarmonisedReport, rule: SpellingRule) -> Iterator[Spelling]:
    for person in report.persons:
        if person.role is PersonRole.SUSPECT:
            yield from _of_person(person, rule)
    for selector in report.selectors:
        if selector.role in _ROLES:
            yield from _named(selector.kind, selector.value, rule)


def _of_person(person: Person, rule: SpellingRule) -> Iterator[Spelling]:
    said = list(_said(person))
    handles = (read_handle(handle.value, handle.platform) or "" for handle in person.handles)
    for kind, values in ((SelectorKind.HANDLE, handles), (SelectorKind.EMAIL, person.emails)):
        for value in values:
            for named in _named(kind, value, rule):
                yield named
                if any(c.isdigit() for c in named.core):
                    yield from (named._replace(beside=one) for one in said)
    for number in person.phones:
        core = phone_core(number)
        if rule.fewest <= len(core) <= rule.most and not is_empty_phone(core):
            yield from (Spelling(SelectorKind.PHONE, core, core, one) for one in said)


def _named(kind: SelectorKind, value: str, rule: SpellingRule) -> Iterator[Spelling]:
    """Yield a user name or mailbox in comparable form; none if a placeholder, common word or bad length.

    `rule` sets the least and greatest length.
    """
    if len(value) > _LONGEST:
        return
    if kind is SelectorKind.HANDLE:
        core = handle_core(bare_name(value))
    elif kind is SelectorKind.EMAIL:
        core = mail_core(value)
    else:
        return
    selector = Selector(kind=kind, value=value, role=SelectorRole.SUSPECT)
    if not rule.fewest <= len(core) <= rule.most or is_plain_handle(core):
        return
    if sum(c.isalpha() for c in core) >= rule.letters and mark_of(selector) is not None:
        yield Spelling(kind, value, core)


def _said(person: Person) -> Iterator[str]:
    """Yield as texts the attributes of a person that few others share: date of birth and full name."""
    if person.birth_date:
        yield f"born {person.birth_date}"
    words = () if not person.name or is_empty_name(person.name) else words_of(person.name)
    if len([word for word in words if len(word) > 1]) > 1:
        yield f"named {' '.join(words)}"
