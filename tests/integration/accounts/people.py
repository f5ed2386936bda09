"""Names that the tests of accounts share."""

from datetime import UTC, datetime, timedelta
from typing import Protocol

from fanal.accounts.domain.records import NewAccount, NewHabilitation
from fanal.accounts.models import User
from fanal.accounts.operations.habilitations import grant_habilitation
from fanal.accounts.operations.people import create_account
from fanal.accounts.operations.resets import (
    ResetReason,
    confirm_reset,
    new_password,
    propose_reset,
)
from fanal.accounts.queries.people import actor_for, find_user
from fanal.kernel.actors import Role, system_actor
from tests.server import as_worker

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SYSTEM = system_actor("test")
PASSWORD = "a long password for tests"
DESK_ROLES = {Role.ANALYST, Role.SUPERVISOR, Role.JUDICIAL_OFFICER, Role.MEASURES_OFFICER}


class Make(Protocol):
    """Makes an account, with one habilitation when a role is given."""

    def __call__(
        self,
        username: str,
        role: Role | None = None,
        *,
        desk: int = 1,
        at: datetime | None = None,
        organisation: object = None,
    ) -> User: ...


def make_user(
    username: str,
    role: Role | None = None,
    *,
    desk: int = 1,
    at: datetime | None = None,
    organisation: object = None,
) -> User:
    """Make an account, with one habilitation when a role is given."""
    now = at or datetime.now(UTC)
    user = create_account(
        actor=SYSTEM,
        account=NewAccount(username=username, name=username.title(), password=PASSWORD),
        now=now,
    )
    if role is not None:
        habilitate(user, role, desk=desk, at=now, organisation=organisation)
    return user


def habilitate(
    user: User, role: Role, *, at: datetime, desk: int = 1, organisation: object = None
) -> None:
    """Give an account one habilitation more."""
    habilitation = NewHabilitation(
        person_id=user.person_id,
        role=role,
        act_reference="ACT-1",
        valid_from=at - timedelta(hours=1),
        valid_until=at + timedelta(days=300),
        desk_id=desk if role in DESK_ROLES else None,
        organisation_id=organisation,
    )
    grant_habilitation(actor=SYSTEM, habilitation=habilitation, now=at)


def reset(user: User, *, factors: bool = False) -> str:
    """Do what `fanal user reset` does, confirmed by claire; return the new password."""
    now = datetime.now(UTC)
    with as_worker():
        reset_id = propose_reset(
            actor=SYSTEM,
            person_id=user.person_id,
            factors=factors,
            reason=ResetReason.LOST,
            now=now,
        )
    second = find_user(username="claire")
    assert second is not None
    confirm_reset(actor=actor_for(user=second, now=now), reset_id=reset_id, now=now)
    return new_password(reset_id)
