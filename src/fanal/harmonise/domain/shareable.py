"""What of a report may leave as indicators: its files' hashes, addresses, and identifiers of suspects.

Never a name. Never a value of a victim, a witness, an intended recipient (who is often a child) or a
reporter, whatever else it is in the same report. Nothing that was only found in free text, nor what is known
of somebody as the payer or the beneficiary of a transfer alone.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from fanal.formats.indicators import HASH_DIGITS, Indicator
from fanal.formats.report.records import File
from fanal.harmonise.domain.records import HarmonisedReport, Selector, SelectorRole
from fanal.harmonise.domain.sources.transfers import PAYEE, PAYER

SHARED_ROLES: Final = frozenset(
    {SelectorRole.SUSPECT, SelectorRole.ASSOCIATED, SelectorRole.CONTENT}
)
"""Roles whose values may leave; every other stays, and takes the same value of these with it."""
_SHORTEST: Final = 4
_PERSON: Final = re.compile(r"persons\[(\d{1,6})\]")
_ADDRESSES: Final = frozenset({"URL", "HOST", "DOMAIN", "ONION"})


def shareable(reports: Iterable[tuple[HarmonisedReport, str]]) -> list[Indicator]:
    """Return the indicators of reports, each with the instant (RFC 3339) it came; a value once, oldest first.

    Withheld is what any of the reports withholds.
    """
    known = list(reports)
    withheld = {
        value
        for report, _ in known
        for selector in report.selectors
        if selector.role not in SHARED_ROLES and not _paid(selector, report)
        for value in _forms(selector)
    }
    found: dict[str, Indicator] = {}
    for report, at in known:
        named = [selector for selector in report.selectors if not _paid(selector, report)]
        for item in (*_files(report.files, at), *_selectors(named, withheld, at)):
            found.setdefault(item.key(), item)
    return list(found.values())


def _paid(selector: Selector, report: HarmonisedReport) -> bool:
    """Return whether a value is of a payment's side: a parent, or a victim who pays, is no suspect for it."""
    place = _PERSON.match(selector.source)
    if place is None:
        return selector.source.startswith("payments[")
    number = int(place[1])
    return number < len(report.persons) and report.persons[number].type in {PAYER, PAYEE}


def _files(files: Iterable[File], at: str) -> Iterator[Indicator]:
    for file in files:
        hashes = {kind: getattr(file, kind.lower()) for kind in HASH_DIGITS}
        values = {kind: value for kind, value in hashes.items() if value}
        named = file.classification
        if values:
            classification = f"{named.scheme}:{named.code}" if named else ""
            yield Indicator(values=values, classification=classification, added_at=at)


def _selectors(selectors: Iterable[Selector], withheld: set[str], at: str) -> Iterator[Indicator]:
    for selector in selectors:
        if selector.role not in SHARED_ROLES or selector.weak or selector.kind in HASH_DIGITS:
            continue
        if not _tells(selector, withheld):
            yield Indicator(values={selector.kind.value: selector.value}, added_at=at)


def _forms(selector: Selector) -> Iterator[str]:
    """Yield what would tell a withheld value: itself, and a name without its service."""
    value = selector.value.lower()
    yield value
    if selector.kind == "HANDLE":
        yield value.rpartition("@")[0] or value


def _tells(selector: Selector, withheld: set[str]) -> bool:
    value = selector.value.lower()
    if any(form in withheld for form in _forms(selector)):
        return True
    # A profile's address holds the name of whoever it is of.
    names = (name for name in withheld if len(name) >= _SHORTEST)
    return selector.kind in _ADDRESSES and any(name in value for name in names)
