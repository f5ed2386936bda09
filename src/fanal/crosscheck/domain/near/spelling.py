"""Handles, mailboxes and telephone numbers of suspects as people vary and mistype them.

A handle or a mailbox that varies in its letters tells by itself. Figures are what tells people apart
(`marie75`, `marie76`; the numbers of one block): where one differs, name or day of birth have to agree, and
stand in what is compared.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from fanal.crosscheck.domain.cards import mark_of
from fanal.crosscheck.domain.hubs import is_empty_name, is_empty_phone, is_plain_handle
from fanal.crosscheck.domain.names import words_of
from fanal.crosscheck.domain.near.rules import SpellingRule
from fanal.crosscheck.domain.variants import (
    handle_core,
    is_of_words,
    mail_core,
    one_apart,
    phone_core,
    without_one,
)
from fanal.formats.report.records import Person, PersonRole
from fanal.harmonise.domain.handles import bare_name, read_handle
from fanal.harmonise.domain.records import HarmonisedReport, Selector, SelectorKind, SelectorRole

HANDLE, HANDLE_LETTER, HANDLE_DIGIT = "NEAR_HANDLE", "NEAR_HANDLE_LETTER", "NEAR_HANDLE_DIGIT"
EMAIL, EMAIL_LETTER, EMAIL_DIGIT = "NEAR_EMAIL", "NEAR_EMAIL_LETTER", "NEAR_EMAIL_DIGIT"
PHONE = "NEAR_PHONE"
SPELLED = (HANDLE, HANDLE_LETTER, HANDLE_DIGIT, EMAIL, EMAIL_LETTER, EMAIL_DIGIT, PHONE)
_LONGEST = 100  # characters of a value as it was told
_ROLES = frozenset((SelectorRole.SUSPECT, SelectorRole.ASSOCIATED, SelectorRole.CONTENT))


class Spelling(NamedTuple):
    """An identifier as it is compared: its kind, the value itself, its core, and who it is said to be.

    `beside` is a name or a day of birth that has to agree too; empty where letters tell enough.
    """

    kind: SelectorKind
    value: str
    core: str
    beside: str = ""

    def forms(self) -> set[str]:
        """Return what two spellings have one of in common when they are near."""
        digits = bool(self.beside)
        return {
            f"{self.kind}|{self.beside}|{form}" for form in without_one(self.core, digits=digits)
        }

    def written(self) -> str:
        """Return the value as a page shows it."""
        return f"+{self.value}" if self.kind is SelectorKind.PHONE else self.value

    def whole(self) -> str:
        """Return what two equal spellings have in common."""
        return f"{self.kind}|{self.beside}|{self.value}"


def spellings_of(report: HarmonisedReport, rule: SpellingRule) -> list[Spelling]:
    """Return the identifiers of a report's suspects, and those that its texts name, a bounded number."""
    return list(dict.fromkeys(islice(_spellings(report, rule), rule.values)))


def way_of(one: Spelling, two: Spelling, rule: SpellingRule) -> str | None:
    """Return in which way two spellings are near; None where they are equal, or not near."""
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


def near_values(
    mine: Iterable[Spelling], theirs: Sequence[Spelling], *, way: str, rule: SpellingRule
) -> tuple[str, str] | None:
    """Return the first two values of two reports that are near in one way, as people write them."""
    for one in mine:
        for two in theirs:
            if way_of(one, two, rule) == way:
                return one.written(), two.written()
    return None


_WAYS = {
    SelectorKind.HANDLE: (HANDLE, HANDLE_LETTER, HANDLE_DIGIT),
    SelectorKind.EMAIL: (EMAIL, EMAIL_LETTER, EMAIL_DIGIT),
    SelectorKind.PHONE: (None, None, PHONE),
}


def _tells_alone(one: Spelling, two: Spelling, rule: SpellingRule) -> bool:
    """Return whether a core is rare enough that whoever bears it elsewhere may be the same person.

    A mailbox without figures is a name, which others bear at other providers; a handle with a number put on
    here and another there is one of a family, which many people make.
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
    # A first name and a surname: whoever bears them, or nearly, may take them for a handle.
    named = one.kind is SelectorKind.HANDLE and all(
        is_of_words(bare_name(each.value)) for each in (one, two)
    )
    return not named and min(len(one.core), len(two.core)) >= rule.long


def _has_figures(spelling: Spelling, rule: SpellingRule) -> bool:
    return sum(c.isdigit() for c in spelling.core) >= rule.figures


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
    """Yield a handle or a mailbox, where it is no filler, no plain word and neither short nor endless."""
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
    """Yield what is said of a person that few others share."""
    if person.birth_date:
        yield f"born {person.birth_date}"
    words = () if not person.name or is_empty_name(person.name) else words_of(person.name)
    if len([word for word in words if len(word) > 1]) > 1:
        yield f"named {' '.join(words)}"
