"""Where reports belong beside this desk, why, and how far each is on its way there."""

import json
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import Count
from msgspec import Struct

from fanal.accounts.domain.policy import require
from fanal.distribution.domain.states import ItemState
from fanal.distribution.models import Item
from fanal.kernel.actors import Actor


class Transfer(Struct, frozen=True, kw_only=True):
    """Where a report belongs beside this desk, by which evidence and rules, and how far it is.

    `ours`: the report is this desk's as well. `recipient` and `recipient_name` are those of its package,
    empty before.
    """

    report_id: UUID
    country: str
    region: str
    because: tuple[str, ...]
    rule_version: str
    planned_at: datetime
    ours: bool
    state: ItemState
    package_id: UUID | None = None
    recipient: str = ""
    recipient_name: str = ""


class WaitingPlace(Struct, frozen=True, kw_only=True):
    """A place for which reports wait: how many, since when, and by which evidence (most reports first)."""

    country: str
    region: str
    reports: int
    since: datetime
    reasons: tuple[tuple[tuple[str, ...], str, int], ...]
    """Codes of the evidence, version of the rules, reports."""


def planned(*, actor: Actor) -> dict[tuple[str, str], int]:
    """Return how many reports wait for each place (country, region or '').

    Raises:
        Refused: the actor may not see them.
    """
    require(actor, "distribution.read")
    rows = Item.objects.filter(state=ItemState.PLANNED).values_list("country", "region")
    return {(c, r): n for c, r, n in rows.annotate(n=Count("*")).order_by("country", "region")}


def list_waiting(*, actor: Actor) -> list[WaitingPlace]:
    """Return the places for which reports wait, in order, each with the evidence that named it.

    Raises:
        Refused: the actor may not see them.
    """
    require(actor, "distribution.read")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT country, region, because, rule_version, count(*), min(planned_at)"
            " FROM distribution_item WHERE state = 'PLANNED'"
            " GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 5 DESC, 3, 4"
        )
        rows = [
            (c, r, tuple(json.loads(b)), v, n, since) for c, r, b, v, n, since in cursor.fetchall()
        ]
    places: dict[tuple[str, str], list[tuple[tuple[str, ...], str, int, datetime]]] = {}
    for country, region, *rest in rows:
        places.setdefault((country, region), []).append(tuple(rest))
    return [
        WaitingPlace(
            country=country,
            region=region,
            reports=sum(reason[2] for reason in reasons),
            since=min(reason[3] for reason in reasons),
            reasons=tuple(reason[:3] for reason in reasons),
        )
        for (country, region), reasons in places.items()
    ]


def list_planned(
    *, actor: Actor, place: tuple[str, str], after: UUID | None = None, limit: int = 50
) -> list[Transfer]:
    """Return what waits for a place (country, region or ''), oldest report first, after `after`.

    Raises:
        Refused: the actor may not see it.
    """
    require(actor, "distribution.read")
    country, region = place
    rows = Item.objects.filter(state=ItemState.PLANNED, country=country, region=region)
    if after is not None:
        rows = rows.filter(report_id__gt=after)
    return [_transfer(row) for row in rows.order_by("report_id")[:limit]]


def items_of(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, list[Transfer]]:
    """Return where each of these reports belongs beside this desk; whoever calls has read the reports.

    Raises:
        Refused: the actor may not see it.
    """
    require(actor, "distribution.read")
    found: dict[UUID, list[Transfer]] = {}
    rows = Item.objects.filter(report_id__in=list(report_ids))
    for row in rows.select_related("package__recipient").order_by("country", "region"):
        found.setdefault(row.report_id, []).append(_transfer(row))
    return found


def _transfer(row: Item) -> Transfer:
    recipient = row.package.recipient if row.package else None
    return Transfer(
        report_id=row.report_id,
        country=row.country,
        region=row.region,
        because=tuple(row.because),
        rule_version=row.rule_version,
        planned_at=row.planned_at,
        ours=row.ours,
        state=ItemState(row.state),
        package_id=row.package_id,
        recipient=recipient.code if recipient else "",
        recipient_name=recipient.name if recipient else "",
    )
