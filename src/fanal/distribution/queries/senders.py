"""Desks that packages come from, by their keys; packages that were taken."""

from datetime import datetime
from uuid import UUID

from django.db.models import Q
from msgspec import Struct

from fanal.accounts.domain.policy import require
from fanal.distribution.domain.proof import SenderKey, fingerprint
from fanal.distribution.models import SenderKey as Row, Taken
from fanal.kernel.actors import Actor


class TakenPackage(Struct, frozen=True, kw_only=True):
    """A package that was opened here: `sender` is empty where nothing proves who made it."""

    package: UUID
    sender: str
    fingerprint: str
    made_at: datetime
    taken_at: datetime
    reports: int


def list_senders(*, actor: Actor) -> list[SenderKey]:
    """Return the keys of every desk that signs: by code, the oldest first, revoked ones too.

    Raises:
        Refused: the actor may not see them.
    """
    require(actor, "distribution.read")
    return [_key(row) for row in Row.objects.order_by("code", "id")]


def find_key(*, public_key: bytes) -> SenderKey | None:
    """Return what is known of a key, None where nobody registered it."""
    row = Row.objects.filter(public_key=public_key).first()
    return _key(row) if row else None


def has_key(*, code: str) -> bool:
    """Return whether a key of that desk was ever registered; a revoked one binds it to sign all the more."""
    return Row.objects.filter(code=code).exists()


def list_taken(
    *, actor: Actor, before: tuple[UUID, str] | None = None, limit: int = 200
) -> list[TakenPackage]:
    """Return packages that were taken, the newest number first, after the one (number, sender) `before`.

    Raises:
        Refused: the actor may not see them.
    """
    require(actor, "distribution.read")
    rows = Taken.objects.select_related("key")
    if before is not None:
        number, sender = before
        rows = rows.filter(Q(package_id__lt=number) | Q(package_id=number, sender__gt=sender))
    return [
        TakenPackage(
            package=row.package_id,
            sender=row.sender,
            fingerprint=fingerprint(bytes(row.key.public_key)) if row.key else "",
            made_at=row.made_at,
            taken_at=row.taken_at,
            reports=row.reports,
        )
        for row in rows.order_by("-package_id", "sender")[:limit]
    ]


def _key(row: Row) -> SenderKey:
    return SenderKey(
        code=row.code,
        public_key=bytes(row.public_key),
        since=row.since,
        until=row.until,
        revoked_at=row.revoked_at,
    )
