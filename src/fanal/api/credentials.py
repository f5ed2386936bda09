"""Authentication of partner programs by the `Authorization` header, and their quota and load limits.

No other header or parameter can name an identity. `identity` is the authenticated partner.
"""

from datetime import datetime

from django.http import HttpRequest

from fanal.accounts import row_scope
from fanal.accounts.domain.records import PartnerIdentity
from fanal.accounts.operations.partners import spend_quota
from fanal.accounts.queries.people import authenticate_partner_basic, authenticate_partner_bearer
from fanal.intake.domain.pressure import PressureCode
from fanal.intake.queries.work import get_pressure

_MINUTE = 60


class ShouldWait(Exception):
    """A refusal for lack of quota or capacity: nothing is stored, and the request may be repeated later.

    `code` is the reason (QUOTA_SPENT or BUSY), `wait` the delay in seconds.
    """

    def __init__(self, code: str, *, wait: int) -> None:
        super().__init__(code)
        self.code, self.wait = code, wait


def bearer_partner(request: HttpRequest, *, now: datetime) -> PartnerIdentity | None:
    """Return the partner whose Bearer token the request carries, or None if it is missing or wrong.

    The row-level security of the database session then shows this partner's rows only.
    """
    header = request.headers.get("Authorization", "")
    return _shown(authenticate_partner_bearer(authorization=header, now=now))


def basic_partner(request: HttpRequest, *, now: datetime) -> PartnerIdentity | None:
    """Return the partner whose HTTP Basic credentials the request carries, or None if missing or wrong.

    The row-level security of the database session then shows this partner's rows only.
    """
    header = request.headers.get("Authorization", "")
    return _shown(authenticate_partner_basic(authorization=header, now=now))


def spend(identity: PartnerIdentity, *, now: datetime) -> None:
    """Count one submission against the partner's quota per minute, exactly across all processes.

    Raises:
        ShouldWait: QUOTA_SPENT, with the seconds to the end of the minute.
    """
    if not spend_quota(identity=identity, now=now):
        raise ShouldWait("QUOTA_SPENT", wait=_MINUTE - now.second)


def make_room(*, now: datetime, needed: int, urgent: bool = False) -> None:
    """Check that the installation has the capacity for a new report at present (ADR 0022).

    `needed` is its size in bytes. An urgent report (a child in danger) is accepted whatever the backlog.
    Later steps of an acknowledged report (finish, retract, file details, status) are never refused for load.

    Raises:
        ShouldWait: BUSY, with the estimated delay.
    """
    pressure = None if urgent else get_pressure(now=now, needed=needed)
    if pressure is not None:
        raise ShouldWait("BUSY", wait=pressure.wait)


def make_room_for_file(*, now: datetime, needed: int) -> None:
    """Check that the disk has room for a file of an open report, whatever the backlog of reports.

    `needed` is the size in bytes. The check asks for twice as much: for a moment the file exists both as a
    temporary file and as a sealed object.

    Raises:
        ShouldWait: BUSY, with the estimated delay.
    """
    pressure = get_pressure(now=now, needed=2 * needed)
    if pressure is not None and pressure.code is PressureCode.DISK:
        raise ShouldWait("BUSY", wait=pressure.wait)


def _shown(identity: PartnerIdentity | None) -> PartnerIdentity | None:
    if identity is not None:
        row_scope.show_to(identity.actor)
    return identity
