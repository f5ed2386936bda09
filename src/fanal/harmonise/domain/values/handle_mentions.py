"""User names without `@` that a sentence introduces: "my snap is shadow.king93", "renard_77 sur Discord".

A user name must satisfy three conditions. It has the shape of one: a sign inside, or digits after letters.
It has no other reading: file, host, end of a sentence, version. And it has a context: a service, or a word
for an account, before it with only linking words between them; or its service after it. The words are data
(`data/handles.toml`). A name of letters only is not read, since nothing in a sentence distinguishes it from
a word.

The service may be one that is on no list ("on Blue Lamp he is red_kite"). It is recognised by a capital
together with a word before it ("on", "l'appli"), brackets around it, or an account word after it. A wrong
reading joins no reports: the other report must give the service in a field. These words are data too
(`data/services.toml`).
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache

from fanal.harmonise.domain.datafiles import DataRecord, load
from fanal.harmonise.domain.values.handles import fold, read_service, service_of_word
from fanal.harmonise.domain.values.urls import is_plain_host


class _ServiceWords(DataRecord, frozen=True):
    version: str
    source: str
    on: tuple[str, ...]
    programs: tuple[str, ...]
    accounts: frozenset[str]
    between: frozenset[str]
    no_services: frozenset[str]


_SERVICE_WORDS = load("services.toml", _ServiceWords)
_WINDOW = 60
_MOST_BETWEEN = 5
"""Most words between a service and the user name after it."""
_CAPITAL = r"[A-ZÀ-ÖØ-ÞŁŚŠŻŹŽĆČĄĘŃĐİА-ЯЁΑ-Ω][\w\-]{1,20}"
_SERVICE = rf"({_CAPITAL}(?:[ \u00a0]{_CAPITAL})?)(?![\w\-])"
_GAP = r"[\s\u00a0]{1,3}"


def _either(words: Iterable[str]) -> str:
    return "(?i:" + "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)) + ")"


_PROGRAM = _either(_SERVICE_WORDS.programs)
_ARTICLE = rf"(?:l['’]|(?:the|la|le|der){_GAP})?"
_NAMED_BY = rf"(?:{_either(_SERVICE_WORDS.on)}{_GAP}(?:{_ARTICLE}{_PROGRAM}{_GAP})?|{_PROGRAM}\s?:?\s{{1,3}})"
_AFTER = re.compile(
    rf"\s?[»\"”’]?(?:,?{_GAP}(?:over{_GAP})?{_NAMED_BY}{_SERVICE}"
    rf"|\s?[(\[]\s?{_SERVICE}\s?[)\]]|\s@\s{_SERVICE})"
)
_SERVICE_BEFORE = re.compile(rf"(?<!\w){_NAMED_BY}{_SERVICE}")
_ACCOUNT = _either(_SERVICE_WORDS.accounts)
# A capital begins a sentence too: there an account word has to follow.
_LABEL = re.compile(
    rf"(?:(?<=[\wÀ-ÿ][\s,'’]){_SERVICE}(?=[\s(:=/–-]|$)|^\s*{_SERVICE}(?=[\s\-]{_ACCOUNT}(?!\w)))"
)
_RUN_ON = re.compile(rf"(?<![\w\-])({_CAPITAL})\s$")
_APART = re.compile(r"[\s\-]+")
_SENTENCE_END = re.compile(r"[.!?;\n]")
_WORD = re.compile(r"[^\W\d_]+")


def unlisted_service(text: str, start: int, end: int) -> str | None:
    """Return the service, in canonical form, that a sentence states for a user name; None without any.

    The user name is `text[start:end]`. Called if the sentence names no service of the known list. After the
    name the service follows "on …" or "on the app …", or is in brackets. Before it, in the same sentence
    and at most a few words away, it follows "on …", or is a capitalised word followed by account and
    linking words only ("his Blue Lamp account is"). Days and account words are no services.
    """
    after = _AFTER.match(text, end)
    if after is not None:
        return _read(next(filter(None, after.groups())))
    before = _SENTENCE_END.split(text[max(0, start - _WINDOW) : start])[-1]
    for pattern, free in ((_SERVICE_BEFORE, True), (_LABEL, False)):
        for match in reversed(list(pattern.finditer(before))):
            words = _WORD.findall(fold(before[match.end() :]))
            if len(words) > _MOST_BETWEEN or not (free or _is_whole(before, match, words)):
                continue
            found = _read(next(filter(None, match.groups())))
            if found is not None:
                return found
    return None


def _is_whole(before: str, match: re.Match[str], words: list[str]) -> bool:
    """Return whether a label is a whole name and only account and linking words follow it.

    `match` is its place in `before`, the text before the user name; `words` are the words after it.
    """
    first = _RUN_ON.search(before[: match.start()])
    if first is not None and not _is_other(first.group(1)):
        return False
    return all(word in _SERVICE_WORDS.accounts or word in _SERVICE_WORDS.between for word in words)


@lru_cache(maxsize=4096)
def _read(words: str) -> str | None:
    """Return the canonical form of a service written in a sentence, or None.

    Articles, days and account words are left out: `The Kuvvo`, `Kuvvo-Konto` are `kuvvo`.
    """
    kept = [word for word in _APART.split(words) if not _is_other(word)]
    return service_of_word("".join(kept)) or read_service(" ".join(kept)) if kept else None


def _is_other(word: str) -> bool:
    plain = fold(word)
    return plain in _SERVICE_WORDS.no_services or plain in _SERVICE_WORDS.accounts


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
    """Yield (user name, service) for each user name without `@` that its sentence introduces.

    The service is the one that the sentence states for it, None without one. `text` must be free of web and
    e-mail addresses. Time is linear in its length.
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
    """Return the service of the user name `text[start:end]` that its sentence states, or None.

    A listed service counts first: the one after "on" behind the name, else the last one before it.
    Otherwise a service that is on no list (`unlisted_service`).
    """
    found = service_of_word(_word_after_on(text, end))
    for word in reversed(_WORD_OR_END.findall(text[max(0, start - _BEFORE) : start])):
        if found is not None or not word[0].isalnum():
            break
        found = service_of_word(word) if len(word) > 1 else None
    return found or unlisted_service(text, start, end)


def _word_after_on(text: str, end: int) -> str:
    """Return the word after "on", or its translation, at position `end` of a text; "" if there is none.

    Examples: `Discord` in `sur Discord`, `Fortnite` in `» sur Fortnite`. The word may be a service.
    """
    found = _ON_SERVICE.match(text, end)
    return "" if found is None else found.group(1)


def reads_otherwise(name: str) -> bool:
    """Return whether a token like a user name is more likely a file, version, host or two joined words."""
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
    """Return whether the dot between two parts of a word ends a sentence, without a space after it."""
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
