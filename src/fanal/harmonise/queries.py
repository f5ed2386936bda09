"""Reads of harmonise. Rows of other desks show that they exist and where, never what they hold."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection

from fanal.harmonise.domain.access import desks_of, require_system
from fanal.harmonise.domain.encoding import unpack
from fanal.harmonise.domain.records import HarmonisedReport, SelectorKind
from fanal.harmonise.domain.search import fold
from fanal.harmonise.domain.sightings import (
    ROLE_OF_CODE,
    FoundSelector,
    Revision,
    Sighting,
    Sightings,
    selector_key,
)
from fanal.kernel.actors import Actor

_MOST = 1000  # the bound of any count or page here
_WINDOW = 10_000
_PREFIX = 100  # characters of a value that its index holds

# In each statement `desks` is NULL for the system, which reaches all.


def get_records(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, HarmonisedReport]:
    """Return the newest record of each report that the actor reaches; the others are left out."""
    desks = desks_of(actor)
    if not report_ids or desks == []:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT ON (r.report_id) r.report_id, r.record FROM harmonise_record r"
            " WHERE r.report_id = ANY(%(ids)s::uuid[])"
            " AND (%(desks)s::int[] IS NULL OR r.desk_id = ANY(%(desks)s::int[]))"
            " ORDER BY r.report_id, r.revision DESC",
            {"ids": list(report_ids), "desks": desks},
        )
        return {report_id: unpack(record) for report_id, record in cursor.fetchall()}


def get_revisions(*, actor: Actor, report_id: UUID) -> list[tuple[Revision, HarmonisedReport]]:
    """Return every harmonisation of a report, oldest first; empty where the actor does not reach it."""
    desks = desks_of(actor)
    if desks == []:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.revision, r.written_at, r.record FROM harmonise_record r"
            " WHERE r.report_id = %(id)s"
            " AND (%(desks)s::int[] IS NULL OR r.desk_id = ANY(%(desks)s::int[]))"
            " ORDER BY r.revision",
            {"id": report_id, "desks": desks},
        )
        found = []
        for number, written_at, record in cursor.fetchall():
            report = unpack(record)
            revision = Revision(
                revision=number,
                written_at=written_at.isoformat(),
                rule_version=report.rule_version,
            )
            found.append((revision, report))
        return found


def get_desks(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return the desk of each harmonised report, for the system.

    Raises:
        AccessRefused: the actor is not the system.
    """
    require_system(actor, "read desks")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT report_id, desk_id FROM harmonise_text WHERE report_id = ANY(%s::uuid[])",
            [list(report_ids)],
        )
        return dict(cursor.fetchall())


def get_selector_history(
    *, actor: Actor, kind: SelectorKind, value: str, limit: int = 100, before: UUID | None = None
) -> Sightings:
    """Return where a canonical value was seen in the actor's desks, newest report first.

    `before` is the last report id of the page before; `limit` is at most 1000.
    """
    key = selector_key(kind, value)
    pages = _sightings(desks=desks_of(actor), keys=[key], limit=limit, before=before)
    return pages.get(key) or Sightings(key=key, newest=(), count=0, bounded=False)


def get_sightings(*, actor: Actor, keys: Sequence[UUID], limit: int = 50) -> dict[UUID, Sightings]:
    """Return the newest sightings of each key in the actor's desks, with counts up to `limit`.

    Keys never seen there are left out. For the system actor this is every desk: cross-check links
    across desks, and shows of another desk only that the link exists.
    """
    return _sightings(desks=desks_of(actor), keys=keys, limit=limit, before=None)


def get_shared_sightings(
    *, actor: Actor, keys: Sequence[UUID], limit: int = 50
) -> dict[UUID, Sightings]:
    """Return what `get_sightings` does, without the keys that stand in one sighting only."""
    return _sightings(desks=desks_of(actor), keys=keys, limit=limit, before=None, least=2)


def seen_elsewhere(*, actor: Actor, keys: Sequence[UUID]) -> dict[UUID, frozenset[int]]:
    """Return for each key the desks, other than the actor's, where it exists: no report, no count.

    An actor without content right learns nothing. Of a value seen everywhere only the newest 10 000
    sightings are looked at.
    """
    desks = desks_of(actor)
    if not keys or not desks:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT wanted.key, array_agg(DISTINCT newest.desk_id)"
            " FROM unnest(%(keys)s::uuid[]) AS wanted (key)"
            " CROSS JOIN LATERAL (SELECT desk_id FROM harmonise_sighting t"
            " WHERE t.key = wanted.key ORDER BY t.report_id DESC LIMIT %(window)s) newest"
            " WHERE newest.desk_id <> ALL(%(desks)s::int[]) GROUP BY wanted.key",
            {"keys": list(keys), "desks": desks, "window": _WINDOW},
        )
        return {key: frozenset(found) for key, found in cursor.fetchall()}


def count_sightings(*, actor: Actor, keys: Sequence[UUID], most: int = _MOST) -> dict[UUID, int]:
    """Return in how many sightings of all desks each key stands, counting to `most` and no further.

    Raises:
        AccessRefused: the actor is not the system; across desks a number is more than existence.
    """
    require_system(actor, "count across desks")
    if not keys:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT wanted.key, n FROM unnest(%(keys)s::uuid[]) AS wanted (key)"
            " CROSS JOIN LATERAL (SELECT count(*) AS n FROM (SELECT FROM harmonise_sighting s"
            " WHERE s.key = wanted.key LIMIT %(most)s) few) counted",
            {"keys": list(keys), "most": most},
        )
        return dict(cursor.fetchall())


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


def _sightings(
    *,
    desks: list[int] | None,
    keys: Sequence[UUID],
    limit: int,
    before: UUID | None,
    least: int = 1,
) -> dict[UUID, Sightings]:
    if not keys or desks == []:
        return {}
    most = max(1, min(limit, _MOST))
    with connection.cursor() as cursor:
        cursor.execute(
            _SIGHTINGS,
            {
                "keys": list(dict.fromkeys(keys)),
                "desks": desks,
                "before": before,
                "more": most + 1,
                "least": least,
            },
        )
        found: dict[UUID, list[Sighting]] = {}
        for row in cursor.fetchall():
            found.setdefault(row[0], []).append(_sighting(*row))
    return {
        key: Sightings(
            key=key,
            newest=tuple(rows[:most]),
            count=min(len(rows), most),
            bounded=len(rows) > most,
        )
        for key, rows in found.items()
    }


def _sighting(  # noqa: PLR0917 - the columns of one row, in the order of the query
    key: UUID,
    report_id: UUID,
    desk_id: int,
    role: int,
    weak: bool,
    at: datetime | None,
    port: int | None,
) -> Sighting:
    return Sighting(
        key=key,
        report_id=report_id,
        desk_id=desk_id,
        role=ROLE_OF_CODE[role],
        weak=weak,
        at=None if at is None else f"{at.replace(tzinfo=None).isoformat()}Z",
        port=port,
    )


_SIGHTINGS = """
SELECT wanted.key, s.report_id, s.desk_id, s.role, s.weak, s.at, s.port
FROM unnest(%(keys)s::uuid[]) AS wanted (key)
CROSS JOIN LATERAL (
    SELECT t.*, count(*) OVER () AS n FROM (
        SELECT report_id, desk_id, role, weak, at, port FROM harmonise_sighting t
        WHERE t.key = wanted.key
          AND (%(desks)s::int[] IS NULL OR t.desk_id = ANY(%(desks)s::int[]))
          AND (%(before)s::uuid IS NULL OR t.report_id < %(before)s::uuid)
        ORDER BY t.report_id DESC, t.role LIMIT %(more)s
    ) t
) s WHERE s.n >= %(least)s
"""

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
