"""Redaction of reports for other organisations: texts without the reporter, and shareable indicators."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache, partial
from typing import Final

from msgspec import structs

from fanal.formats.indicators import HASH_DIGITS, Indicator
from fanal.formats.report.records import File, PersonRole, Report, StatedPlace
from fanal.harmonise.domain.records import HarmonisedReport, Selector, SelectorRole
from fanal.harmonise.domain.redaction.search import fold
from fanal.harmonise.domain.sources.transfers import PAYEE, PAYER

# Texts without the reporter: nothing sent out of the desk names a person who trusted it.

MARK: Final = "[…]"
"""The replacement for a redacted value of the reporter."""
_SHORTEST: Final = 3
"""Minimum letters of a redacted value: a shorter one is a common word."""
_SHORTEST_INSIDE: Final = 6
"""Minimum letters of a value to be redacted inside a longer word, as in a user name."""
_APART: Final = "\\s.\\-'\u2019\u2010-\u2015\u00ad\u200b-\u200d\u2060\ufeff"
"""Allowed between two letters of a value: spaces, dots, dashes, apostrophes, zero-width characters."""
_BETWEEN: Final = f"[{_APART}]{{0,2}}"
_BETWEEN_SIGNS: Final = re.compile(f"[{_APART}]+")
_NUMBER: Final = re.compile(r"\+?\d[\d .()/\u00a0\u202f\-]{5,20}\d")
_NOT_DIGITS: Final = re.compile(r"\D")


def without_reporter(text: str, own: frozenset[str]) -> str:
    """Return a text with `MARK` in place of each whole occurrence of a reporter's value (`own`).

    Case, accents and separators between letters are ignored; a family name may come first. Single words of a
    longer name stay, since they are often those of a family or common words. A value of letters in one word,
    or shorter than six characters, is replaced only as a separate word; one shorter than three never. A value
    with six or more digits is also found by its last nine digits, as a telephone number.
    """
    if not own:
        return text
    longest_first = sorted(own, key=lambda whole: (-len(whole), whole))
    numbers = {digits[-9:] for whole in own if len(digits := _digits(whole)) >= _SHORTEST_INSIDE}
    folded, places = _placed(text)
    letters = _BETWEEN_SIGNS.sub("", folded)
    for order, alone in (way for whole in longest_first for way in _orders(whole)):
        if order not in letters:  # compiling a pattern takes milliseconds, and few values occur
            continue
        spans = list(_spans(text, _pattern(order, alone=alone).finditer(folded), places))
        for start, end in reversed(spans):
            text = text[:start] + MARK + text[end:]
        if spans:
            folded, places = _placed(text)
            letters = _BETWEEN_SIGNS.sub("", folded)
    return _NUMBER.sub(partial(_marked, numbers=tuple(numbers)), text) if numbers else text


def _digits(text: str) -> str:
    return _NOT_DIGITS.sub("", text)


def _marked(found: re.Match[str], *, numbers: tuple[str, ...]) -> str:
    return MARK if _digits(found[0]).endswith(numbers) else found[0]


def _orders(whole: str) -> Iterator[tuple[str, bool]]:
    """Yield the texts by which to find a reporter's value in folded text: as written, and last word first.

    Each comes as (letters, alone); `alone`: only as a separate word. `whole` is the value; one under three
    letters yields nothing.
    """
    words = [word for word in _BETWEEN_SIGNS.split(fold(whole)) if word]
    letters = "".join(words)
    if len(letters) < _SHORTEST:
        return
    for order in sorted({letters, "".join((words[-1], *words[:-1]))}):
        yield order, len(order) < _SHORTEST_INSIDE or (len(words) == 1 and order.isalpha())


@lru_cache(maxsize=256)
def _pattern(order: str, *, alone: bool) -> re.Pattern[str]:
    """Return a pattern of the letters in `order` with optional separators between them.

    `alone`: it matches only as a separate word.
    """
    pattern = _BETWEEN.join(map(re.escape, order))
    return re.compile(rf"(?<!\w){pattern}(?!\w)" if alone else pattern)


def _spans(
    text: str, found: Iterable[re.Match[str]], places: Sequence[int]
) -> Iterator[tuple[int, int]]:
    """Yield start and end in `text`, the original, of each match in its folded form.

    `places` gives the original position of each folded letter. `found` are the matches.
    """
    for match in found:
        end = places[match.end() - 1] + 1
        while end < len(text) and unicodedata.combining(text[end]):
            end += 1  # an accent written apart goes with its letter
        yield places[match.start()], end


def _placed(text: str) -> tuple[str, Sequence[int]]:
    """Return a text folded (no case, no accents), and for each folded letter its position in `text`."""
    if text.isascii():
        return text.lower(), range(len(text))
    each = [letter.lower() if letter.isascii() else fold(letter) for letter in text]
    return "".join(each), [place for place, letters in enumerate(each) for _ in letters]


# Indicators of a report that may be shared: file hashes, addresses, and identifiers of suspects.
#
# Never a name. Never a value of a victim, a witness, an intended recipient (who is often a child) or a
# reporter, whatever else it is in the same report. No value found only in free text, and none known only
# from the payer or the beneficiary of a transfer.

SHARED_ROLES: Final = frozenset(
    {SelectorRole.SUSPECT, SelectorRole.ASSOCIATED, SelectorRole.CONTENT}
)
"""Roles whose values may be shared, unless the same value also has another role."""
_SHAREABLE_SHORTEST: Final = 4
_PERSON: Final = re.compile(r"persons\[(\d{1,6})\]")
_ADDRESSES: Final = frozenset({"URL", "HOST", "DOMAIN", "ONION"})


def shareable(reports: Iterable[tuple[HarmonisedReport, str]]) -> list[Indicator]:
    """Return the indicators of reports that may be shared with others, each value once.

    `reports` are pairs (report, its instant in RFC 3339), whose order is kept. All hashes of files are
    shared, hashes without a file never. Any other selector (identifier) is shared if it is of a suspect, an
    associated account or the content, unless its value has another role (victim, witness, recipient) in any
    of the reports (a user name: on any service), or it is an address that contains such a value of 4 or more
    characters. A report's values that are only in free text or known only from a payment are not shared from
    it; the role of a payer or payee does not stop another report from sharing the value.
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
    """Return whether a selector (identifier) is known only from a payment, so that it is not shared.

    The reason: paying or being paid makes nobody a suspect.
    """
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
    """Yield the forms, in lower case, by which a withheld identifier is found: its value.

    For a user name also the name without its service.
    """
    value = selector.value.lower()
    yield value
    if selector.kind == "HANDLE":
        yield value.rpartition("@")[0] or value


def _tells(selector: Selector, withheld: set[str]) -> bool:
    value = selector.value.lower()
    if any(form in withheld for form in _forms(selector)):
        return True
    # The address of a profile contains its owner's user name.
    names = (name for name in withheld if len(name) >= _SHAREABLE_SHORTEST)
    return selector.kind in _ADDRESSES and any(name in value for name in names)


def has_texts(record: HarmonisedReport) -> bool:
    """Return whether a record contains free text, which may name its reporter."""
    return bool(
        record.description
        or record.conversation
        or any(file.name for file in record.files)
        or any(p.sender or p.beneficiary or p.label for p in record.payments)
        or any(place.locality for place in record.places)
    )


def withheld_texts(report: Report, own: frozenset[str] | None) -> Report:
    """Return a report whose free texts no longer contain the reporter's names, contacts and accounts (`own`).

    Texts are the description, the conversation, file names, labels and parties of payments, and the towns of
    stated places. If the values are unknown (None), all texts are removed, since they may name the reporter.
    """
    if own is not None and not own:
        return report

    def left(text: str | None) -> str | None:
        return without_reporter(text, own) if own is not None and text else None

    return structs.replace(
        report,
        description=left(report.description),
        conversation=tuple(
            structs.replace(message, speaker=left(message.speaker), text=left(message.text))
            for message in report.conversation
            if own is not None
        ),
        files=tuple(structs.replace(file, name=left(file.name)) for file in report.files),
        payments=tuple(
            structs.replace(
                payment,
                sender=left(payment.sender),
                beneficiary=left(payment.beneficiary),
                label=left(payment.label),
            )
            for payment in report.payments
        ),
        places=tuple(
            structs.replace(place, locality=left(place.locality)) for place in report.places
        ),
    )


def as_report(record: HarmonisedReport) -> Report:
    """Convert a harmonised record back to the report format, with web addresses as they were reported.

    Values that partners may not send are left out: references of payments and the indices of their persons,
    and types of persons other than ASSOCIATED.
    """
    return Report(
        reference=record.reference,
        kind=record.kind,
        emergency=record.emergency,
        occurred_at=record.occurred_at,
        occurred_until=record.occurred_until,
        language=record.language,
        channel=record.channel,
        platform=record.platform,
        place=record.place,
        urls=tuple(url.reported for url in record.urls),
        description=record.description,
        conversation=record.conversation,
        persons=tuple(
            person if person.role is PersonRole.ASSOCIATED else structs.replace(person, type=None)
            for person in record.persons
        ),
        files=record.files,
        payments=tuple(
            structs.replace(payment, reference=None, sender_person=None, beneficiary_person=None)
            for payment in record.payments
        ),
        places=tuple(
            StatedPlace(
                role=place.role,
                country=place.country,
                locality=place.locality,
                postcode=place.postcode,
                at=place.at,
            )
            for place in record.places
        ),
    )
