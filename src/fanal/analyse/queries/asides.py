"""Entries set aside, and how often entries are met."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from django.db import connection
from msgspec import Struct

from fanal.analyse.domain.lists import Aside


class AsideRecord(Struct, frozen=True, kw_only=True):
    """One time an entry was set aside, and how it ended: RELEASED or WITHDRAWN, by whom and why."""

    id: UUID
    list_id: UUID
    item_id: UUID
    aside: Aside
    ended_at: datetime | None = None
    outcome: str = ""
    ended_by: UUID | None = None
    reason: str = ""


def get_asides(*, item_ids: Iterable[UUID]) -> dict[UUID, Aside]:
    """Return for each of these entries that is set aside now since when and why."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT item_id, since, matched, hours, rule FROM analyse_aside"
            " WHERE item_id = ANY(%s::uuid[]) AND ended_at IS NULL",
            [list(set(item_ids))],
        )
        return {
            item_id: Aside(since=since, matched=matched, hours=hours, rule=rule)
            for item_id, since, matched, hours, rule in cursor.fetchall()
        }


def count_asides() -> int:
    """Return how many entries are set aside now."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM analyse_aside WHERE ended_at IS NULL")
        return int(cursor.fetchone()[0])


def list_asides(*, ended: bool, limit: int, offset: int = 0) -> list[AsideRecord]:
    """Return the entries set aside now, or those whose time aside ended, the newest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, list_id, item_id, since, matched, hours, rule, ended_at, outcome, ended_by,"
            " reason FROM analyse_aside WHERE (ended_at IS NOT NULL) = %s"
            " ORDER BY since DESC, id DESC LIMIT %s OFFSET %s",
            [ended, limit, offset],
        )
        return [
            AsideRecord(
                id=row[0],
                list_id=row[1],
                item_id=row[2],
                aside=Aside(since=row[3], matched=row[4], hours=row[5], rule=row[6]),
                ended_at=row[7],
                outcome=row[8] or "",
                ended_by=row[9],
                reason=row[10] or "",
            )
            for row in cursor.fetchall()
        ]


def match_rates(
    *, item_ids: Iterable[UUID], since: datetime
) -> Mapping[UUID, list[tuple[datetime, int]]]:
    """Return for each entry the hours since `since` in which reports met it, and how many, oldest first."""
    rates: dict[UUID, list[tuple[datetime, int]]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT item_id, hour, sum(reports) FROM analyse_match"
            " WHERE item_id = ANY(%s::uuid[]) AND hour >= %s"
            " GROUP BY item_id, hour ORDER BY item_id, hour",
            [list(set(item_ids)), since],
        )
        for item_id, hour, reports in cursor.fetchall():
            rates.setdefault(item_id, []).append((hour, reports))
    return rates
