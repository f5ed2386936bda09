"""The reading door of distribution."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Count
from msgspec import Struct

from fanal.accounts.domain.policy import require
from fanal.distribution.models import Item, Package, Recipient
from fanal.kernel.actors import Actor

__all__ = [
    "ItemState",
    "PackageState",
    "RecipientState",
    "items_of",
    "list_packages",
    "list_recipients",
    "planned",
]


class RecipientState(Struct, frozen=True, kw_only=True):
    """A desk that reports go to, or went to until `closed_at`."""

    code: str
    name: str
    country: str
    region: str
    key: str
    added_at: datetime
    closed_at: datetime | None


class PackageState(Struct, frozen=True, kw_only=True):
    """A package that left: to whom, under which instruction, and whether it was opened."""

    id: UUID
    recipient: str
    instruction_id: UUID
    made_at: datetime
    reports: int
    sha256: str
    acknowledged_at: datetime | None


class ItemState(Struct, frozen=True, kw_only=True):
    """Where a report belongs beside this desk, why, and how far it is."""

    report_id: UUID
    country: str
    region: str
    because: tuple[str, ...]
    state: str
    package_id: UUID | None


def list_recipients(*, actor: Actor) -> list[RecipientState]:
    """Return every recipient by code, closed ones too.

    Raises:
        Refused: the actor may not see them.
    """
    require(actor, "distribution.read")
    return [
        RecipientState(
            code=row.code,
            name=row.name,
            country=row.country,
            region=row.region,
            key=row.age_key,
            added_at=row.added_at,
            closed_at=row.closed_at,
        )
        for row in Recipient.objects.order_by("code")
    ]


def list_packages(*, actor: Actor, limit: int = 200) -> list[PackageState]:
    """Return the newest packages first.

    Raises:
        Refused: the actor may not see them.
    """
    require(actor, "distribution.read")
    return [
        PackageState(
            id=row.id,
            recipient=row.recipient.code,
            instruction_id=row.instruction_id,
            made_at=row.made_at,
            reports=row.reports,
            sha256=bytes(row.sha256).hex(),
            acknowledged_at=row.acknowledged_at,
        )
        for row in Package.objects.select_related("recipient").order_by("-id")[:limit]
    ]


def planned(*, actor: Actor) -> dict[tuple[str, str], int]:
    """Return how many reports wait for each place (country, region or '').

    Raises:
        Refused: the actor may not see them.
    """
    require(actor, "distribution.read")
    rows = Item.objects.filter(state="PLANNED").values_list("country", "region")
    return {(c, r): n for c, r, n in rows.annotate(n=Count("*")).order_by("country", "region")}


def items_of(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, list[ItemState]]:
    """Return where each of these reports belongs beside this desk; whoever calls has read the reports.

    Raises:
        Refused: the actor may not see it.
    """
    require(actor, "distribution.read")
    found: dict[UUID, list[ItemState]] = {}
    rows = Item.objects.filter(report_id__in=list(report_ids)).order_by("country", "region")
    for row in rows:
        found.setdefault(row.report_id, []).append(
            ItemState(
                report_id=row.report_id,
                country=row.country,
                region=row.region,
                because=tuple(row.because),
                state=row.state,
                package_id=row.package_id,
            )
        )
    return found
