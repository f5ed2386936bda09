"""Packages that left, what they hold by reference, and the desks they went to."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from fanal.accounts.domain.policy import require
from fanal.distribution.domain.routing import shipped_routing
from fanal.distribution.domain.states import PackageState, answer_due, package_state
from fanal.distribution.models import Item, Package, Recipient
from fanal.kernel.actors import Actor


class KnownRecipient(Struct, frozen=True, kw_only=True):
    """A desk that reports go to, or went to until `closed_at`."""

    code: str
    name: str
    country: str
    region: str
    key: str
    added_at: datetime
    closed_at: datetime | None


class SentPackage(Struct, frozen=True, kw_only=True):
    """A package that left: to whom, under which instruction, and whether it was opened."""

    id: UUID
    recipient: str
    recipient_name: str
    country: str
    region: str
    instruction_id: UUID
    made_at: datetime
    due_at: datetime
    """Until when an acknowledgement is expected."""
    reports: int
    sha256: str
    acknowledged_at: datetime | None

    def state(self, now: datetime) -> PackageState:
        """Return whether it was acknowledged, is waited for, or overdue at `now`."""
        return package_state(due_at=self.due_at, acknowledged_at=self.acknowledged_at, now=now)


def list_recipients(*, actor: Actor) -> list[KnownRecipient]:
    """Return every recipient by code, closed ones too.

    Raises:
        Refused: the actor may not see them.
    """
    require(actor, "distribution.read")
    return [
        KnownRecipient(
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


def list_packages(
    *, actor: Actor, before: UUID | None = None, limit: int = 200
) -> list[SentPackage]:
    """Return packages, the newest first, made before the package `before`.

    Raises:
        Refused: the actor may not see them.
    """
    require(actor, "distribution.read")
    rows = Package.objects.select_related("recipient")
    if before is not None:
        rows = rows.filter(id__lt=before)
    return [_package(row) for row in rows.order_by("-id")[:limit]]


def get_package(*, actor: Actor, package_id: UUID) -> SentPackage | None:
    """Return one package, None where there is none.

    Raises:
        Refused: the actor may not see it.
    """
    require(actor, "distribution.read")
    row = Package.objects.select_related("recipient").filter(id=package_id).first()
    return _package(row) if row else None


def reports_in(
    *, actor: Actor, package_id: UUID, after: UUID | None = None, limit: int = 100
) -> list[UUID]:
    """Return the reports of a package in order, after `after`; who may read each is asked elsewhere.

    Raises:
        Refused: the actor may not see packages.
    """
    require(actor, "distribution.read")
    rows = Item.objects.filter(package_id=package_id)
    if after is not None:
        rows = rows.filter(report_id__gt=after)
    return list(rows.order_by("report_id").values_list("report_id", flat=True)[:limit])


def _package(row: Package) -> SentPackage:
    return SentPackage(
        id=row.id,
        recipient=row.recipient.code,
        recipient_name=row.recipient.name,
        country=row.recipient.country,
        region=row.recipient.region,
        instruction_id=row.instruction_id,
        made_at=row.made_at,
        due_at=answer_due(row.made_at, days=shipped_routing().acknowledge_within_days),
        reports=row.reports,
        sha256=bytes(row.sha256).hex(),
        acknowledged_at=row.acknowledged_at,
    )
