"""Queries on resets of people's sign-in."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from fanal.accounts.domain.policy import require
from fanal.accounts.domain.records import ResetRecord, ResetState
from fanal.accounts.models import Reset, User
from fanal.accounts.queries.people import person_names
from fanal.kernel.actors import Actor

_RECENT = timedelta(days=30)
_MOST = 100


def list_resets(*, actor: Actor, now: datetime) -> list[ResetRecord]:
    """Return the resets of people's sign-in of the last thirty days, open ones first, then newest first.

    There are at most a hundred.

    Raises:
        Refused: the actor may not confirm resets.
    """
    require(actor, "reset.confirm")
    rows = Reset.objects.filter(proposed_at__gt=now - _RECENT).order_by("-proposed_at")[:_MOST]
    found = _records(rows.select_related("end"), now)
    return sorted(found, key=lambda one: one.state is not ResetState.OPEN)


def get_reset(*, actor: Actor, reset_id: UUID, now: datetime) -> ResetRecord | None:
    """Return a reset of a person's sign-in by its id; None if unknown.

    Raises:
        Refused: the actor may not confirm resets.
    """
    require(actor, "reset.confirm")
    return next(iter(_records(Reset.objects.filter(id=reset_id).select_related("end"), now)), None)


def open_reset_of(*, person_id: UUID, now: datetime) -> ResetRecord | None:
    """Return the open reset of a person's sign-in, for that person or for their page; None without one.

    No right is checked: the record names only colleagues.
    """
    rows = Reset.objects.filter(person_id=person_id, expires_at__gt=now, end=None)
    return next(iter(_records(rows, now)), None)


def _records(rows: Iterable[Reset], now: datetime) -> list[ResetRecord]:
    found = [(row, getattr(row, "end", None)) for row in rows]
    ids = {one for row, end in found for one in (row.person_id, row.proposer_id)}
    names = person_names(person_ids=ids | {end.by_id for _, end in found if end})
    logins = dict(User.objects.filter(person_id__in=ids).values_list("person_id", "username"))
    return [
        ResetRecord(
            id=row.id,
            person_id=row.person_id,
            person=names.get(row.person_id, ""),
            login=logins.get(row.person_id, ""),
            factors=row.factors,
            reason=row.reason_code,
            proposer_id=row.proposer_id,
            proposer=names.get(row.proposer_id, ""),
            proposed_at=row.proposed_at,
            expires_at=row.expires_at,
            ended_by_id=end.by_id if end else None,
            ended_by=names.get(end.by_id, "") if end else "",
            ended_at=end.ended_at if end else None,
            state=ResetState(end.outcome)
            if end
            else (ResetState.OPEN if row.expires_at > now else ResetState.EXPIRED),
        )
        for row, end in found
    ]
