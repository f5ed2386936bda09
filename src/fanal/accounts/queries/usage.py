"""How providers' programs use what they were given: quotas and the calls of the last hour."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Max

from fanal.accounts.domain.policy import require
from fanal.accounts.domain.records import CredentialUse
from fanal.accounts.models import PartnerCredential, PartnerUsage
from fanal.kernel.actors import Actor

_HOUR = timedelta(hours=1)


def list_uses(*, actor: Actor, partner_id: UUID, now: datetime) -> list[CredentialUse]:
    """Return a body's accesses with the fullest minute of the last hour of each; never a secret.

    Calls are counted where a quota is set.

    Raises:
        Refused: the actor does not watch over providers.
    """
    require(actor, "provider.read")
    rows = PartnerCredential.objects.filter(organisation_id=partner_id).order_by("id")
    peaks = dict(
        PartnerUsage.objects.filter(credential__in=rows, minute__gte=now - _HOUR)
        .values_list("credential_id")
        .annotate(peak=Max("used"))
        .order_by()
    )
    return [
        CredentialUse(
            login=row.login,
            quota_per_minute=row.quota_per_minute,
            revoked_at=row.revoked_at,
            peak=peaks.get(row.id),
        )
        for row in rows
    ]
