"""Search of selectors and of texts, within the desks of the actor."""

from collections.abc import Iterable
from uuid import UUID

from django.db import connection

from fanal.harmonise.domain.access import desks_of
from fanal.harmonise.domain.records import SelectorKind
from fanal.harmonise.domain.search import fold
from fanal.harmonise.domain.sightings import (
    FoundSelector,
    selector_key,
)
from fanal.kernel.actors import Actor

_MOST = 1000  # the bound of any count or page here
_PREFIX = 100  # characters of a value that its index holds

# In each statement `desks` is NULL for the system, which reaches all.


def search_selectors(
    *, actor: Actor, text: str, kinds: Iterable[SelectorKind] = (), limit: int = 50
) -> list[FoundSelector]:
    """Return selectors whose value is `text`, then those that begin with it, seen in the actor's desks.

    `text` is a canonical value or its beginning (at least 2 characters); `kinds` empty means all.
    """
    desks = desks_of(actor)
    wanted = [kind.value for kind in kinds] or [kind.value for kind in SelectorKind]
    if desks == [] or len(text) < 2 or "\x00" in text:
        return []
    exact = [selector_key(SelectorKind(kind), text) for kind in wanted]
    values = {
        "desks": desks,
        "exact": exact,
        "kinds": wanted,
        "prefix": _like_prefix(text[:_PREFIX]),
        "whole": _like_prefix(text),
        "limit": min(limit, _MOST),
        "most": _MOST,
    }
    with connection.cursor() as cursor:
        cursor.execute(_SEARCH_SELECTORS, values)
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
    desks = desks_of(actor)
    words = _query_words(text)
    if desks == [] or not words:
        return []
    last = words.pop() if words[-1].isalnum() else None
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t.report_id FROM harmonise_text t"
            " WHERE t.words @@ (plainto_tsquery('public.harmonise_words', %(words)s)"
            " && to_tsquery('public.harmonise_words', %(last)s))"
            " AND (%(desks)s::int[] IS NULL OR t.desk_id = ANY(%(desks)s::int[]))"
            " AND (%(before)s::uuid IS NULL OR t.report_id < %(before)s::uuid)"
            " ORDER BY t.report_id DESC LIMIT %(limit)s",
            {
                "words": " ".join(words),
                "last": f"{last}:*" if last else "",
                "desks": desks,
                "before": before,
                "limit": min(limit, _MOST),
            },
        )
        return [report_id for (report_id,) in cursor.fetchall()]


# The prefix side walks its index in order and stops at a bound, whatever the beginning matches.
_SEARCH_SELECTORS = """
WITH candidate AS (
    SELECT key, kind, value, 0 AS place FROM harmonise_selector WHERE key = ANY(%(exact)s::uuid[])
    UNION ALL
    (SELECT key, kind, value, 1 FROM harmonise_selector c
     WHERE left(value, 100) LIKE %(prefix)s AND value LIKE %(whole)s
       AND kind NOT IN ('SHA256', 'SHA1', 'MD5', 'PDQ') AND kind = ANY(%(kinds)s)
       AND key <> ALL(%(exact)s::uuid[])
       AND EXISTS (SELECT FROM harmonise_sighting t WHERE t.key = c.key
                   AND (%(desks)s::int[] IS NULL OR t.desk_id = ANY(%(desks)s::int[])))
     ORDER BY left(value, 100) USING ~<~ LIMIT %(limit)s)
)
SELECT c.key, c.kind, c.value, seen.n FROM candidate c
CROSS JOIN LATERAL (
    SELECT count(*) AS n FROM (
        SELECT FROM harmonise_sighting t
        WHERE t.key = c.key
          AND (%(desks)s::int[] IS NULL OR t.desk_id = ANY(%(desks)s::int[])) LIMIT %(most)s
    ) few
) seen
WHERE seen.n > 0
ORDER BY c.place, c.value, c.kind LIMIT %(limit)s
"""


def _like_prefix(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"{escaped}%"


def _query_words(text: str) -> list[str]:
    """Return the words of a search, without the marks that a query would read as its own."""
    plain = "".join(c if c.isalnum() or c in "@._-" else " " for c in fold(text))
    return [word for word in plain.split() if any(c.isalnum() for c in word)][:20]
