"""The words by which a report can be found: its own texts, without those of its reporter."""

import re
import unicodedata
from collections.abc import Iterator

from fanal.harmonise.domain.records import HarmonisedReport
from fanal.harmonise.domain.reporter import Identity, reporter_strings

_LONGEST = 8000  # characters a report: the index stays small, a long text is found by its beginning
_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\+?\d[\d .()\u00a0\u202f\-]{5,20}\d")
_SHORTEST_NUMBER = 6


def search_words(report: HarmonisedReport, identity: Identity) -> str:
    """Return the text to index: no word of the reporter's name, contacts or numbers is in it."""
    text = " ".join(_texts(report))[:_LONGEST]
    own = reporter_strings(identity)
    return _without(text, own) if own else text


def fold(text: str) -> str:
    """Return `text` without accents and case."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()


def _texts(report: HarmonisedReport) -> Iterator[str]:
    place = report.place
    yield report.reference
    yield from (text for text in (report.platform, report.escalation_reason) if text)
    if place is not None:
        yield from (text for text in (place.locality, place.postcode) if text)
    yield from (person.name for person in report.persons if person.name)
    yield from (handle.value for person in report.persons for handle in person.handles)
    yield from (file.name for file in report.files if file.name)
    for payment in report.payments:
        yield from (t for t in (payment.sender, payment.beneficiary, payment.label) if t)
    if report.description:
        yield report.description
    yield from (message.text for message in report.conversation if message.text)


def _without(text: str, own: frozenset[str]) -> str:
    numbers = {digits[-9:] for s in own if len(digits := re.sub(r"\D", "", s)) >= _SHORTEST_NUMBER}
    words = {fold(word) for s in own for word in _WORD.findall(_name_part(s)) if len(word) > 1}
    for whole in own:
        if len(whole) >= _SHORTEST_NUMBER:
            text = _spaced(whole).sub(" ", text)

    def number(match: re.Match[str]) -> str:
        digits = re.sub(r"\D", "", match.group(0))
        return " " if any(digits.endswith(known) for known in numbers) else match.group(0)

    text = _NUMBER.sub(number, text) if numbers else text
    present = {word for word in set(_WORD.findall(text)) if fold(word) in words}
    if not present:
        return text
    return _WORD.sub(lambda match: " " if match.group(0) in present else match.group(0), text)


def _spaced(text: str) -> re.Pattern[str]:
    """Return the pattern of a text, its letters apart by at most two spaces, dots or dashes."""
    letters = (re.escape(letter) for letter in text if not letter.isspace())
    return re.compile(r"[\s.\-]{0,2}".join(letters), re.IGNORECASE)


def _name_part(text: str) -> str:
    """Leave out an e-mail's domain and bare numbers: they are everybody's words."""
    name = text.rpartition("@")[0] or text
    return re.sub(r"\b\d{1,5}\b", " ", name)
