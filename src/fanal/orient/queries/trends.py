"""Counts by day of what oriented reports have in common: sender, country, service, signals."""

from collections import defaultdict
from datetime import date, datetime
from uuid import UUID

from django.db import connection

from fanal.accounts.domain.policy import require
from fanal.harmonise.domain.handles import PLATFORM_NAMES, read_platform
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import paris_day
from fanal.kernel.figures import Counted
from fanal.kernel.ids import id_bounds

_PUBLIC = UUID(int=0)
_SEVERAL = 3
"""Reports of one day from which a name that only the public writes is a service's and not somebody's."""
_CASES = (
    "SELECT (received_at AT TIME ZONE 'Europe/Paris')::date, {what}, count(*) FROM orient_case"
    " WHERE report_id >= %s AND report_id < %s AND received_at >= %s AND received_at < %s"
    " AND state <> 'WITHDRAWN' AND NOT is_test GROUP BY 1, 2, 3"
)


def count_senders(*, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
    """Return oriented reports by day and sender (its id; zero for the public): no test, none withdrawn."""
    return _count("sender_id::text, ''", actor=actor, since=since, until=until)


def count_countries(*, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
    """Return oriented reports by day and country of the facts, as `count_senders`."""
    return _count("country, ''", actor=actor, since=since, until=until)


def count_platforms(*, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
    """Return oriented reports by day and service, by its usual name, as `count_senders`.

    These counts are kept for ever, and the public's field takes any words: a name that only the public
    writes counts under it when it is a listed service, or when three reports of the day say it.
    """
    rows = _count(
        f"lower(btrim(platform)), (sender_id = '{_PUBLIC}')::text",
        actor=actor,
        since=since,
        until=until,
    )
    counts: dict[tuple[date, str], list[int]] = defaultdict(lambda: [0, 0])
    for day, text, public, n in rows:
        counts[day, read_platform(text) or ""][public == "true"] += n
    found: dict[tuple[date, str], int] = defaultdict(int)
    for (day, name), (partners, public_ones) in counts.items():
        told = partners or name in _LISTED or public_ones >= _SEVERAL
        found[day, name if told else ""] += partners + public_ones
    return [(day, name, "", n) for (day, name), n in found.items()]


def count_signals(*, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
    """Return, by day of receipt and code, in how many reports something was found; no test."""
    require(actor, "statistics.read")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT day, code, '', sum(n)::integer FROM orient_signal_count"
            " WHERE day >= %s AND day < %s GROUP BY 1, 2",
            [paris_day(since), paris_day(until)],
        )
        return list(cursor.fetchall())


def _count(what: str, *, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
    require(actor, "statistics.read")
    with connection.cursor() as cursor:
        cursor.execute(_CASES.format(what=what), [*id_bounds(since, until), since, until])
        return list(cursor.fetchall())


_LISTED = frozenset(PLATFORM_NAMES.values())
