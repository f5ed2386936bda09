"""Identifiers that sentences name: a user name with its service, a telephone number, an account.

A sentence seldom has the form of a field: "he calls himself fox_77, that is on Blue Lamp". So each word that
could be a user name is compared with the user names that other reports give in a field of their suspect. Two
match where the name is equal and its service is named within a few words, in any language. A report that
gives its own suspect in a field may name anybody in its text: its names and numbers are not compared.
"""

import re
from collections.abc import Iterator
from itertools import chain, islice
from typing import Final, NamedTuple

from fanal.crosscheck.domain.cards import mark_of, week_of, weeks_between
from fanal.crosscheck.domain.hubs import is_empty_handle, is_plain_handle
from fanal.crosscheck.similar.domain.rules import MentionRule
from fanal.harmonise.domain.records import HarmonisedReport, Selector, SelectorKind, SelectorRole
from fanal.harmonise.domain.values.handles import bare_name, fold, service_names

_HANDLE, _PHONE, _ACCOUNT = SelectorKind.HANDLE, SelectorKind.PHONE, SelectorKind.ACCOUNT
_WAYS: Final = {
    _HANDLE: "NEAR_HANDLE_MENTION",
    _PHONE: "NEAR_PHONE_MENTION",
    _ACCOUNT: "NEAR_ACCOUNT_MENTION",
}
_OF_A_SUSPECT: Final = frozenset(
    (_HANDLE, SelectorKind.EMAIL, _PHONE, SelectorKind.DEVICE, _ACCOUNT)
)
_PERSONS: Final = frozenset((SelectorRole.SUSPECT, SelectorRole.ASSOCIATED))
_TOKEN = re.compile(r"[^\s,;:!?\"'()\[\]{}<>«»“”„‚‘’`/\\=|*]+")
_EDGES: Final = "@#.-"
_SIGN = re.compile(r"[\d_]|\w[.\-]\w")
_WORD = re.compile(r"[^\W_]+")
_JOINED: Final = 3
"""Most words of a service's name (`rec room`), compared without their spaces."""


class Mention(NamedTuple):
    """An identifier in a field or in a sentence of a report, in comparable form.

    `kind` and `value` are those of a selector (identifier). `key` is the compared part: a user name without
    its service. `holder` is the report's id (hexadecimal) for an identifier in a sentence and for any
    account, so that reports with it are counted one by one; else empty. `said` is True for an identifier
    that counts as named in a sentence; it is False for a number in the text of a report whose fields
    identify the suspect. `around` is the text before and after a user name of a sentence, `week` the week
    of the incident (`cards.week_of`).
    """

    kind: SelectorKind
    value: str
    key: str
    holder: str = ""
    said: bool = False
    around: str = ""
    week: int = 0

    def forms(self) -> set[str]:
        """Return the texts by which similar identifiers are found (blocking keys): here one, kind and `key`.

        It is equal in a field and in a sentence.
        """
        return {f"mention|{self.kind}|{self.key}"}

    def written(self) -> str:
        """Return the value of the identifier, as pages show it to people."""
        return self.value

    def whole(self) -> str:
        """Return the key by which the reports with this value are counted.

        The key contains `holder`. So a value in sentences, or an account anywhere, counts once for each
        report; a value in fields counts once in all.
        """
        return f"mention|{self.kind}|{self.value}|{self.holder}"


def mentions_of(report: HarmonisedReport, rule: MentionRule) -> list[Mention]:
    """Return the identifiers in a report's fields and sentences to compare; at most `rule.values`.

    Identifiers of fields come first, then numbers and accounts of sentences, then user names of sentences:
    first those with a digit or a sign inside, then words of letters only.
    """
    week = week_of(report.occurred_at)
    found = chain(_fields(report, week, rule), _sentences(report, week, rule))
    return list(islice(dict.fromkeys(found), rule.values))


def way_of_mentions(one: Mention, two: Mention, rule: MentionRule) -> str | None:
    """Return the kind of similarity of two equal identifiers; None if the sentence is not enough evidence.

    A user name needs a field in one report, and in the other a sentence that names its service. A telephone
    number needs at least one sentence, no sentence of a report whose fields identify its suspect, and
    incidents less than `rule.apart_weeks` apart, since operators reassign numbers. An account needs two
    sentences.
    """
    if (one.kind, one.key) != (two.kind, two.key):
        return None
    sentences = one.said + two.said
    if one.kind is _HANDLE:
        field, sentence = (one, two) if two.said else (two, one)
        counts = sentences == 1 and _names_service(sentence.around, field.value)
    elif one.kind is _PHONE:
        held = bool(one.holder) + bool(two.holder)
        counts = sentences == held > 0 and weeks_between(one.week, two.week) < rule.apart_weeks
    else:
        counts = sentences == 2
    return _WAYS[one.kind] if counts else None


def _fields(report: HarmonisedReport, week: int, rule: MentionRule) -> Iterator[Mention]:
    for selector in report.selectors:
        kind, value = selector.kind, selector.value
        if selector.weak or selector.role not in _PERSONS or kind not in _WAYS:
            continue
        if mark_of(selector) is None:
            continue
        if kind is _ACCOUNT:
            yield Mention(kind, value, value, report.report_id.hex, week=week)
            continue
        name = bare_name(value) if kind is _HANDLE else value
        if kind is _PHONE or (name != value and _is_name(name, rule)):
            yield Mention(kind, value, name, week=week)


def _sentences(report: HarmonisedReport, week: int, rule: MentionRule) -> Iterator[Mention]:
    holder = report.report_id.hex
    unnamed = not any(_is_of_suspect(selector) for selector in report.selectors)
    for selector in report.selectors:
        kind, value = selector.kind, selector.value
        if selector.weak and kind in (_ACCOUNT, _PHONE) and mark_of(selector) is not None:
            yield Mention(kind, value, value, holder, kind is _ACCOUNT or unnamed, week=week)
    if unnamed:
        for name, around in _names(_text(report)[: rule.characters], rule):
            yield Mention(_HANDLE, name, name, holder, True, around, week)


def _is_of_suspect(selector: Selector) -> bool:
    """Return whether a field gives an identifier of the report's suspect that is no placeholder."""
    return (
        selector.role is SelectorRole.SUSPECT
        and not selector.weak
        and selector.kind in _OF_A_SUSPECT
        and mark_of(selector) is not None
    )


def _text(report: HarmonisedReport) -> str:
    parts = (report.description, report.escalation_reason, *(m.text for m in report.conversation))
    return "\n".join(part for part in parts if part)


def _names(text: str, rule: MentionRule) -> list[tuple[str, str]]:
    """Return the words of a text that could be user names, folded, each with the text around it.

    Words with a digit or a sign inside come first; words of letters only need `rule.long` characters. The
    text around a word holds `rule.window` characters on each side of its first occurrences, a line each.
    """
    told: dict[bool, dict[str, list[str]]] = {True: {}, False: {}}
    for match in _TOKEN.finditer(text):
        name = fold(match.group()).strip(_EDGES)
        signed = _SIGN.search(name) is not None
        if "@" in name or not _is_name(name, rule) or not (signed or len(name) >= rule.long):
            continue
        if is_empty_handle(name):
            continue
        places = told[signed].setdefault(name, [])
        if len(places) < rule.places:
            start, end = match.span()
            places += (text[max(0, start - rule.window) : start], text[end : end + rule.window])
    return [(name, "\n".join(places)) for of in (True, False) for name, places in told[of].items()]


def _is_name(name: str, rule: MentionRule) -> bool:
    """Return whether a text has the length and the letters of a user name that few people have."""
    if not rule.fewest <= len(name) <= rule.most or is_plain_handle(name):
        return False
    return sum(c.isalpha() for c in name) >= rule.letters


def _names_service(around: str, handle: str) -> bool:
    """Return whether a text names the service of a canonical user name (`name@service`), by any of its names.

    A line of `around` is one side of the name; words are joined within a line.
    """
    names = service_names(handle.rpartition("@")[2])
    return any(not names.isdisjoint(_joined(line)) for line in around.split("\n"))


def _joined(line: str) -> frozenset[str]:
    """Return the words of a text, and up to `_JOINED` successive ones written as one word."""
    words = _WORD.findall(fold(line))
    return frozenset(
        "".join(words[start : start + count])
        for count in range(1, _JOINED + 1)
        for start in range(len(words) - count + 1)
    )
