"""Who calls: a partner's credential from the `Authorization` header, and nothing else.

No other header or parameter can name an identity.
"""

from datetime import datetime

from django.http import HttpRequest

from fanal.accounts import operations as accounts, queries, rows
from fanal.accounts.domain.records import PartnerIdentity
from fanal.intake import queries as intake
from fanal.intake.domain.pressure import PressureCode

_MINUTE = 60


class ShouldWait(Exception):
    """Nothing is taken now, nothing was stored: `code` says why, `wait` is in seconds."""

    def __init__(self, code: str, *, wait: int) -> None:
        super().__init__(code)
        self.code, self.wait = code, wait


def bearer_partner(request: HttpRequest, *, now: datetime) -> PartnerIdentity | None:
    """Return the partner of a Bearer token, or None."""
    header = request.headers.get("Authorization", "")
    return _shown(queries.authenticate_partner_bearer(authorization=header, now=now))


def basic_partner(request: HttpRequest, *, now: datetime) -> PartnerIdentity | None:
    """Return the partner of HTTP Basic credentials, or None."""
    header = request.headers.get("Authorization", "")
    return _shown(queries.authenticate_partner_basic(authorization=header, now=now))


def spend(identity: PartnerIdentity, *, now: datetime) -> None:
    """Count one deposit against the partner's quota, exactly over all processes.

    Raises:
        ShouldWait: QUOTA_SPENT, to the end of the minute.
    """
    if not accounts.spend_quota(identity=identity, now=now):
        raise ShouldWait("QUOTA_SPENT", wait=_MINUTE - now.second)


def make_room(*, now: datetime, needed: int, urgent: bool = False) -> None:
    """Refuse what is too much for the installation now (ADR 0022).

    A report of a child in danger is taken whatever waits: it goes before all of that. What belongs to a
    report that is acknowledged already (finish, retract, details, questions after it) is never asked here.

    Raises:
        ShouldWait: BUSY.
    """
    pressure = None if urgent else intake.get_pressure(now=now, needed=needed)
    if pressure is not None:
        raise ShouldWait("BUSY", wait=pressure.wait)


def make_room_for_file(*, now: datetime, needed: int) -> None:
    """Refuse a file of a report that is open already when the disk is short; what waits never stops it.

    A file lies on the disk twice for a moment: spooled, then sealed.

    Raises:
        ShouldWait: BUSY.
    """
    pressure = intake.get_pressure(now=now, needed=2 * needed)
    if pressure is not None and pressure.code is PressureCode.DISK:
        raise ShouldWait("BUSY", wait=pressure.wait)


def _shown(identity: PartnerIdentity | None) -> PartnerIdentity | None:
    if identity is not None:
        rows.show_to(identity.actor)
    return identity
