"""User names without `@` that a sentence introduces: "my snap is shadow.king93", "renard_77 sur Discord".

Three conditions together: the shape of a user name (a sign inside, or digits after letters), no other reading
(file, host, end of a sentence, version), and a context: a service, or a word for an account, before it with
nothing but linking words between, or its service after it. The words are data (`data/handles.toml`). A name
of letters only is left: in a sentence nothing distinguishes it from a word.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from fanal.harmonise.domain.datafiles import DataRecord, load
from fanal.harmonise.domain.values.handles import service_of_word
from fanal.harmonise.domain.values.unlisted_services import unlisted_service
from fanal.harmonise.domain.values.urls import is_plain_host


class _HandleWords(DataRecord, frozen=True):
    version: str
    source: str
    names: frozenset[str]
    introductions: frozenset[str]
    named: frozenset[str]
    links: frozenset[str]
    leads: frozenset[str]
    common_services: frozenset[str]
    beginnings: frozenset[str]
    numbered: frozenset[str]
    files: frozenset[str]


_WORDS = load("handles.toml", _HandleWords)
_SHAPE = re.compile(
    r"(?<![\w@./\\#+\-])(?=[0-9A-Za-z.\-]{0,31}?(?:_|[A-Za-z][.\-]?\d|\d[.\-]?[A-Za-z]|[A-Za-z]\.[A-Za-z]))"
    r"[0-9A-Za-z_][0-9A-Za-z_.\-]{2,31}(?!\w|[.\-@\\/#]\w)"
)
_CHUNK = re.compile(r"\S+")
_THREE_LETTERS = re.compile(r"[A-Za-z]{3}")
_DIGIT_OR_LINE = re.compile(r"[\d_]")
_JOINT = re.compile(r"[_.]")
_SHORTEST = 5
_BEFORE = 80
_MOST_LINKS = 7
_WORD_OR_END = re.compile(r"\w+|[.!;\n]")
_QUOTE = re.compile(r"[«\"“‘]\s?$")
_ON_SERVICE = re.compile(
    r"\s?[»\"”’)]?\s{1,3}(?:on|sur|via|auf|en|de|su|no|na|op|w|в|на|على)\s{1,3}([^\W\d_]{1,20})(?!\w)",
    re.IGNORECASE,
)


def mentioned_handles(text: str) -> Iterator[tuple[str, str | None]]:
    """Yield each user name without `@` that its sentence introduces, with the service that it names, if any.

    `text` is without web and e-mail addresses. Time is linear in its length.
    """
    # Most words are of letters only: the pattern need not be tried at each of them.
    if not any(_SHAPE.search(word) for word in text.split() if not word.isalpha()):
        return
    for match in _shapes(text):
        name = match.group().rstrip(".-")
        start, end = match.start(), match.start() + len(name)
        if _is_name(name) and _is_introduced(text, start, end):
            yield name, _stated_service(text, start, end)


def _shapes(text: str) -> Iterator[re.Match[str]]:
    for word in _CHUNK.finditer(text):
        if not word.group().isalpha():
            yield from _SHAPE.finditer(text, word.start(), word.end())


def _stated_service(text: str, start: int, end: int) -> str | None:
    """Return the service named after "on" behind a user name, else the last one before it in its sentence.

    Without a listed service, one that is not listed.
    """
    found = service_of_word(_word_after_on(text, end))
    for word in reversed(_WORD_OR_END.findall(text[max(0, start - _BEFORE) : start])):
        if found is not None or not word[0].isalnum():
            break
        found = service_of_word(word) if len(word) > 1 else None
    return found or unlisted_service(text, start, end)


def _word_after_on(text: str, end: int) -> str:
    """Return the word that follows "on" or its like in another language at `end`, where a service may stand.

    An empty text if there is none: `sur Discord`, `» sur Fortnite`.
    """
    found = _ON_SERVICE.match(text, end)
    return "" if found is None else found.group(1)


def reads_otherwise(name: str) -> bool:
    """Return whether a token of a text is a file, a version, a host, or two words without a space."""
    labels = name.split(".")
    return (
        labels[-1].lower() in _WORDS.files
        or name.rstrip("0123456789_.-").lower() in _WORDS.numbered
        or any(map(_ends_a_sentence, labels, labels[1:]))
        or (len(labels) > 1 and is_plain_host(name))
    )


def _is_name(name: str) -> bool:
    if len(name) < _SHORTEST or _THREE_LETTERS.search(name) is None or reads_otherwise(name):
        return False
    if name[0].isdigit() and _JOINT.search(name) is None:
        return False  # `18h30`, `5eme`
    return "-" not in name or _DIGIT_OR_LINE.search(name) is not None  # not `peut-être`


def _ends_a_sentence(before: str, after: str) -> bool:
    """Return whether the dot between two parts ends a sentence, the space after it forgotten."""
    return (after[:1].isupper() and before[:1].islower()) or after.lower() in _WORDS.beginnings


def _is_introduced(text: str, start: int, end: int) -> bool:
    before = text[max(0, start - _BEFORE) : start]
    words = _WORD_OR_END.findall(before)
    if len(words) > 1 and start > _BEFORE:
        del words[0]  # it may be the rest of a longer word
    last = _plain(words[-1]) if words else ""
    led = last in _WORDS.leads or _QUOTE.search(before) is not None
    return (led and _introduces(_word_after_on(text, end))) or _leads_back(words)


def _leads_back(words: list[str]) -> bool:
    """Return whether the words before a user name lead back to a service or to a word for an account.

    Only linking words may stand between, at most `_MOST_LINKS`; after a word such as "called", any words of
    the sentence.
    """
    told = [_plain(word) for word in words[-_MOST_LINKS - 1 :]]
    for count, word in enumerate(reversed(told)):
        if word in _WORDS.names or _introduces(word):
            return True
        if any(" ".join(told[len(told) - count - n :][:n]) in _WORDS.introductions for n in (2, 3)):
            return count == 0
        if word not in _WORDS.links:
            break
    return bool(told) and told[-1] in _WORDS.named and _holds_name(words)


def _holds_name(words: list[str]) -> bool:
    """Return whether a word for an account occurs among the words, in their last sentence."""
    for word in reversed(words):
        if not word[0].isalnum():
            return False
        if _plain(word) in _WORDS.names:
            return True
    return False


def _introduces(word: str) -> bool:
    return service_of_word(word) is not None and word.lower() not in _WORDS.common_services


@lru_cache(maxsize=8192)
def _plain(word: str) -> str:
    spread = unicodedata.normalize("NFKD", word.lower().replace("ß", "ss"))
    return "".join(c for c in spread if not unicodedata.combining(c))
