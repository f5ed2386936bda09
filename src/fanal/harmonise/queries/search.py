"""Search of selectors and of texts, within the desks of the actor."""

from collections.abc import Iterable
from uuid import UUID

from django.db import connection

from fanal.accounts.domain.policy import reach
from fanal.harmonise.domain.handles import spellings
from fanal.harmonise.domain.records import SelectorKind
from fanal.harmonise.domain.search import fold
from fanal.harmonise.domain.sightings import (
    FoundSelector,
    selector_key,
)
from fanal.kernel.actors import Actor

_MOST = 1000  # the bound of any count or page here
_PREFIX = 100  # characters of a value that its index holds

# In each call `desks` is NULL for the system, which reaches all; the functions keep to the session's too.


def search_selectors(
    *, actor: Actor, text: str, kinds: Iterable[SelectorKind] = (), limit: int = 50
) -> list[FoundSelector]:
    """Return selectors whose value is `text`, then those that begin with it, seen in the actor's desks.

    `text` is a value or its beginning (at least 2 characters), in any case; `kinds` empty means all.
    """
    desks = reach(actor, "search.run").desks
    wanted = [kind.value for kind in kinds] or [kind.value for kind in SelectorKind]
    typed, compared = spellings(text)[0], spellings(text)[-1]
    if desks == [] or len(compared) < 2 or "\x00" in typed:
        return []
    exact = [(kind, spelling) for kind in wanted for spelling in spellings(text)]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT key, kind, value, seen"
            " FROM harmonise_find_selectors(%s, %s, %s, %s, %s, %s, %s, %s)",
            [
                [selector_key(SelectorKind(kind), spelling) for kind, spelling in exact],
                [kind for kind, _spelling in exact],
                [spelling for _kind, spelling in exact],
                _like_prefix(compared[:_PREFIX]),
                _like_prefix(compared),
                desks,
                min(limit, _MOST),
                _MOST,
            ],
        )
        return [
            FoundSelector(key=key, kind=SelectorKind(kind), value=value, count=count)
            for key, kind, value, count in cursor.fetchall()
        ]


def search_text(
    *, actor: Actor, text: str, limit: int = 100, before: UUID | None = None
) -> list[UUID]:
    """Return the newest reports of the actor's desks that hold every word of `text`.

    Accents and case do not count; the last word may be a beginning. A reporter's own words are never
    in the index. `before` is the last id of the page before.
    """
    desks = reach(actor, "search.run").desks
    words = _query_words(text)
    if desks == [] or not words:
        return []
    last = words.pop() if words[-1].isalnum() else None
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT harmonise_find_text(plainto_tsquery('public.harmonise_words', %s)"
            " && to_tsquery('public.harmonise_words', %s), %s, %s, %s)",
            [" ".join(words), f"{last}:*" if last else "", desks, before, min(limit, _MOST)],
        )
        return [report_id for (report_id,) in cursor.fetchall()]


def _like_prefix(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"{escaped}%"


def _query_words(text: str) -> list[str]:
    """Return the words of a search, without the marks that a query would read as its own."""
    plain = "".join(c if c.isalnum() or c in "@._-" else " " for c in fold(text))
    return [word for word in plain.split() if any(c.isalnum() for c in word)][:20]
