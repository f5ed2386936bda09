"""The text by which a report can be searched: its own texts without the values of its reporter."""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from msgspec import Struct

from fanal.formats.report.records import PlaceRole
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.harmonise.domain.redaction.reporter import Identity, reporter_strings

_LONGEST = 8000  # characters a report: the index stays small, a long text is found by its beginning
_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\+?\d[\d .()\u00a0\u202f\-]{5,20}\d")
_RUNS = re.compile(r"[\x00-\x7f]+|[^\x00-\x7f]+")
_NOT_DIGITS = re.compile(r"\D")
_SHORTEST_NUMBER = 6
# Without regard to case, Python's patterns take these four for ASCII letters (i, i, s, k).
_ASCII_LIKE = "\u0130\u0131\u017f\u212a"


def search_words(report: HarmonisedReport, identity: Identity) -> str:
    """Return the text of a report to index (its first 8000 characters), without its reporter's values.

    `identity` holds these values (`reporter.withhold`).
    """
    text = " ".join(_texts(report))[:_LONGEST]
    own = reporter_strings(identity)
    return _without(text, own) if own else text


def told_by(text: str, own: str) -> tuple[str, ...]:
    """Return the parts of a reporter's value `own` (a name, a contact) that a text reveals.

    They are the whole value, or else those of its words that occur in the text, in the order of `own`; ()
    if the text reveals nothing of it.
    """
    if _without(text, frozenset({own})) == text:
        return ()
    trace = _trace(own)
    numbers = (_NOT_DIGITS.sub("", found) for found in _NUMBER.findall(text))
    if trace.spaced is not None and trace.spaced.search(text):
        return (own,)
    if trace.number and any(number.endswith(trace.number) for number in numbers):
        return (own,)
    present = {fold(word) for word in _WORD.findall(text)}
    return tuple(w for w in _WORD.findall(_name_part(own)) if fold(w) in trace.words & present)


def fold(text: str) -> str:
    """Return `text` in lower case (case-folded) and without accents."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()


def query_words(text: str) -> list[str]:
    """Return the words of a text search, at most 20, without case, accents and full-text operators."""
    plain = "".join(c if c.isalnum() or c in "@._-" else " " for c in fold(text))
    return [word for word in plain.split() if any(c.isalnum() for c in word)][:20]


def _texts(report: HarmonisedReport) -> Iterator[str]:
    place = report.place
    yield report.reference
    yield from (text for text in (report.platform, report.escalation_reason) if text)
    if place is not None:
        yield from (text for text in (place.locality, place.postcode) if text)
    for stated in report.places:
        if stated.role is not PlaceRole.CHILD:  # nobody finds a child by where the child is
            yield from (text for text in (stated.locality, stated.postcode) if text)
    yield from (person.name for person in report.persons if person.name)
    yield from (handle.value for person in report.persons for handle in person.handles)
    yield from (file.name for file in report.files if file.name)
    for payment in report.payments:
        yield from (t for t in (payment.sender, payment.beneficiary, payment.label) if t)
    if report.description:
        yield report.description
    yield from (message.text for message in report.conversation if message.text)


def _without(text: str, own: frozenset[str]) -> str:
    traces = [_trace(whole) for whole in own]
    numbers = {trace.number for trace in traces if trace.number}
    words = frozenset().union(*(trace.words for trace in traces))
    text = _without_wholes(text, traces)

    def number(match: re.Match[str]) -> str:
        digits = _NOT_DIGITS.sub("", match.group(0))
        return " " if any(digits.endswith(known) for known in numbers) else match.group(0)

    text = _NUMBER.sub(number, text) if numbers else text
    folded = _folded(text)
    if not any(word in folded for word in words):
        return text
    present = {word for word in set(_WORD.findall(text)) if fold(word) in words}
    if not present:
        return text
    return _WORD.sub(lambda match: " " if match.group(0) in present else match.group(0), text)


def _folded(text: str) -> str:
    """Return `fold(text)`, folding runs of ASCII letters at once for speed."""
    runs = _RUNS.findall(text)
    return "".join([run.lower() if run.isascii() else fold(run) for run in runs])


class _Trace(Struct, frozen=True):
    """The forms by which a reporter's value is found in a text.

    `number` holds its last nine digits, `words` its words in folded form, `spaced` matches its letters with
    gaps. `spaced` cannot match a text without `squeezed`, a cheaper test; `squeezed` is empty if that test is
    not valid.
    """

    number: str
    words: frozenset[str]
    spaced: re.Pattern[str] | None
    squeezed: str


def _without_wholes(text: str, traces: list[_Trace]) -> str:
    squeezed = _squeezed(text)
    for trace in traces:
        # Most texts do not contain the reporter's letters in a row: the pattern need not be tried.
        if trace.spaced is None or (squeezed and trace.squeezed not in squeezed):
            continue
        left = trace.spaced.sub(" ", text)
        if left != text:
            text, squeezed = left, _squeezed(left)
    return text


@lru_cache(maxsize=256)
def _trace(whole: str) -> _Trace:
    digits = _NOT_DIGITS.sub("", whole)
    return _Trace(
        number=digits[-9:] if len(digits) >= _SHORTEST_NUMBER else "",
        words=frozenset(fold(word) for word in _WORD.findall(_name_part(whole)) if len(word) > 1),
        spaced=_spaced(whole) if len(whole) >= _SHORTEST_NUMBER else None,
        squeezed=_squeezed(whole) if whole.isascii() else "",
    )


def _spaced(text: str) -> re.Pattern[str]:
    """Return a pattern that finds the letters of `text` also with gaps: up to two spaces, dots or dashes."""
    letters = (re.escape(letter) for letter in text if not letter.isspace())
    return re.compile(r"[\s.\-]{0,2}".join(letters), re.IGNORECASE)


def _squeezed(text: str) -> str:
    """Return `text` in lower case without the separators that `_spaced` allows.

    Empty if it contains a non-ASCII letter that Python's case-insensitive patterns equate with an ASCII
    letter.
    """
    if not text.isascii() and any(letter in text for letter in _ASCII_LIKE):
        return ""
    return "".join(text.lower().split()).replace(".", "").replace("-", "")


def _name_part(text: str) -> str:
    """Return a name, or the local part of an e-mail address, without numbers of up to five digits.

    Such numbers are too common to reveal a person.
    """
    name = text.rpartition("@")[0] or text
    return re.sub(r"\b\d{1,5}\b", " ", name)
