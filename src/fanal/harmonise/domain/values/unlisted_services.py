"""Services that no list names, as sentences state them for a user name: "on Blue Lamp he is red_kite".

A new service is on no list, but a sentence marks it: a capital, and a word before it ("on", "l'appli"),
brackets or an account word after it. A wrong reading joins no reports: the other report gives the service in
a field.
The words are data (`data/services.toml`).
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from fanal.harmonise.domain.datafiles import DataRecord, load
from fanal.harmonise.domain.values.handles import fold, read_service, service_of_word


class _ServiceWords(DataRecord, frozen=True):
    version: str
    source: str
    on: tuple[str, ...]
    programs: tuple[str, ...]
    accounts: frozenset[str]
    between: frozenset[str]
    no_services: frozenset[str]


_WORDS = load("services.toml", _ServiceWords)
_WINDOW = 60
_MOST_BETWEEN = 5
"""Most words between a service and the user name after it."""
_CAPITAL = r"[A-ZÀ-ÖØ-ÞŁŚŠŻŹŽĆČĄĘŃĐİА-ЯЁΑ-Ω][\w\-]{1,20}"
_SERVICE = rf"({_CAPITAL}(?:[ \u00a0]{_CAPITAL})?)(?![\w\-])"
_GAP = r"[\s\u00a0]{1,3}"


def _either(words: Iterable[str]) -> str:
    return "(?i:" + "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)) + ")"


_PROGRAM = _either(_WORDS.programs)
_ARTICLE = rf"(?:l['’]|(?:the|la|le|der){_GAP})?"
_NAMED_BY = (
    rf"(?:{_either(_WORDS.on)}{_GAP}(?:{_ARTICLE}{_PROGRAM}{_GAP})?|{_PROGRAM}\s?:?\s{{1,3}})"
)
_AFTER = re.compile(
    rf"\s?[»\"”’]?(?:,?{_GAP}(?:over{_GAP})?{_NAMED_BY}{_SERVICE}"
    rf"|\s?[(\[]\s?{_SERVICE}\s?[)\]]|\s@\s{_SERVICE})"
)
_BEFORE = re.compile(rf"(?<!\w){_NAMED_BY}{_SERVICE}")
_ACCOUNT = _either(_WORDS.accounts)
# A capital begins a sentence too: there an account word has to follow.
_LABEL = re.compile(
    rf"(?:(?<=[\wÀ-ÿ][\s,'’]){_SERVICE}(?=[\s(:=/–-]|$)|^\s*{_SERVICE}(?=[\s\-]{_ACCOUNT}(?!\w)))"
)
_RUN_ON = re.compile(rf"(?<![\w\-])({_CAPITAL})\s$")
_APART = re.compile(r"[\s\-]+")
_SENTENCE_END = re.compile(r"[.!?;\n]")
_WORD = re.compile(r"[^\W\d_]+")


def unlisted_service(text: str, start: int, end: int) -> str | None:
    """Return the service, in canonical form, that a sentence states for the user name `text[start:end]`.

    The sentence has named no listed service. Behind the name: "on …", "on the app …", brackets. Before it, in
    the same sentence and a few words away: "on …", or a capitalised word with nothing but account and linking
    words after it ("his Blue Lamp account is"). None without any; days and account words are no services.
    """
    after = _AFTER.match(text, end)
    if after is not None:
        return _read(next(filter(None, after.groups())))
    before = _SENTENCE_END.split(text[max(0, start - _WINDOW) : start])[-1]
    for pattern, free in ((_BEFORE, True), (_LABEL, False)):
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
    return all(word in _WORDS.accounts or word in _WORDS.between for word in words)


@lru_cache(maxsize=4096)
def _read(words: str) -> str | None:
    """Return the canonical form of a service written in a sentence, or None.

    Articles, days and account words are left out: `The Kuvvo`, `Kuvvo-Konto` are `kuvvo`.
    """
    kept = [word for word in _APART.split(words) if not _is_other(word)]
    return service_of_word("".join(kept)) or read_service(" ".join(kept)) if kept else None


def _is_other(word: str) -> bool:
    plain = fold(word)
    return plain in _WORDS.no_services or plain in _WORDS.accounts
