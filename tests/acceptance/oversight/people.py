"""People who sign in, and a browser that holds their session."""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.test import Client
from playwright.sync_api import Page

from fanal.accounts.domain.records import NewAccount, NewHabilitation
from fanal.accounts.models import User
from fanal.accounts.operations.habilitations import approve_habilitation, grant_habilitation
from fanal.accounts.operations.people import create_account
from fanal.kernel.actors import Actor, Role, system_actor
from tests.actors import desk_actor

SYSTEM = system_actor("tests")
OF_A_DESK = {Role.ANALYST, Role.SUPERVISOR, Role.MEASURES_OFFICER, Role.JUDICIAL_OFFICER}


def user_as(role: Role, name: str, *, now: datetime) -> User:
    """Make an account with one habilitation."""
    account = NewAccount(username=name.split(maxsplit=1)[0].lower(), name=name, password=None)
    user = create_account(actor=SYSTEM, account=account, now=now)
    habilitation = NewHabilitation(
        person_id=user.person_id,
        role=role,
        act_reference="ACT",
        valid_from=now - timedelta(days=60),  # the stories begin before today
        valid_until=now + timedelta(days=90),
        desk_id=1 if role in OF_A_DESK else None,
        organisation_id=None,
    )
    grant_habilitation(actor=SYSTEM, habilitation=habilitation, now=now)
    return user


def grant_approving(by: User, to: User, *, second: User | None, now: datetime) -> None:
    """Let a supervisor grant a measures officer's role, and another one sign it."""

    def supervisor(user: User) -> Actor:
        return desk_actor(
            person_id=user.person_id, roles={Role.SUPERVISOR}, desks={1}, motive="test"
        )

    habilitation = NewHabilitation(
        person_id=to.person_id,
        role=Role.MEASURES_OFFICER,
        act_reference="Order 2026-41",
        valid_from=now,
        valid_until=now + timedelta(days=90),
        desk_id=1,
        organisation_id=None,
    )
    made = grant_habilitation(actor=supervisor(by), habilitation=habilitation, now=now)
    if second:
        approve_habilitation(actor=supervisor(second), habilitation_id=made, now=now)


def signed_in(visit: Callable[..., Page], user: User, path: str, **options: object) -> Page:
    """Open a page with the session of `user`."""
    client = Client()
    client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[1])
    return visit(path, cookies={n: m.value for n, m in client.cookies.items()}, **options)
