"""Who calls: a partner's credential from the `Authorization` header, and nothing else.

No other header or parameter can name an identity.
"""

from datetime import datetime

from django.http import HttpRequest

from fanal.accounts import operations as accounts, queries, rows
from fanal.accounts.domain.records import PartnerIdentity


class QuotaSpent(Exception):
    """The partner sent more this minute than it asked for; it should wait a minute."""


def bearer_partner(request: HttpRequest, *, now: datetime) -> PartnerIdentity | None:
    """Return the partner of a Bearer token, or None."""
    header = request.headers.get("Authorization", "")
    return _shown(queries.authenticate_partner_bearer(authorization=header, now=now))


def basic_partner(request: HttpRequest, *, now: datetime) -> PartnerIdentity | None:
    """Return the partner of HTTP Basic credentials, or None."""
    header = request.headers.get("Authorization", "")
    return _shown(queries.authenticate_partner_basic(authorization=header, now=now))


def spend(identity: PartnerIdentity, *, now: datetime) -> None:
    """Count one deposit against the partner's quota.

    Raises:
        QuotaSpent: nothing may be taken before the next minute; nothing was stored.
    """
    if not accounts.spend_quota(identity=identity, now=now):
        raise QuotaSpent


def _shown(identity: PartnerIdentity | None) -> PartnerIdentity | None:
    if identity is not None:
        rows.show_to(identity.actor)
    return identity
