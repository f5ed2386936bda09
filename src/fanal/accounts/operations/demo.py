"""Accounts of the demo: at least one per role, only in a database marked DEMO."""

from datetime import datetime
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.db import transaction

from fanal.accounts.domain.demo import DEMO_ACCOUNTS, RENEWED_BEFORE, DemoAccount
from fanal.accounts.domain.records import NewAccount, NewHabilitation
from fanal.accounts.models import Habilitation, User
from fanal.accounts.operations.habilitations import AT_A_DESK, LONGEST, grant_habilitation
from fanal.accounts.operations.people import create_account, ensure_organisation
from fanal.accounts.queries.people import has_demo_mark
from fanal.db import sql
from fanal.kernel.actors import Actor

_DESK = 1
_LOCK = 0x44454D4F41  # "DEMOA"


class NotADemo(Exception):
    """Demo accounts were requested in a database that is not marked DEMO."""


def ensure_demo_accounts(*, actor: Actor, now: datetime) -> tuple[DemoAccount, ...]:
    """Create the missing demo accounts, renew their roles that expire soon, and return every demo account.

    The result has the order of `DEMO_ACCOUNTS`.

    Raises:
        NotADemo: the database is not marked DEMO.
        Refused: something must be created or renewed, and the actor is not the system.
    """
    if not has_demo_mark():
        raise NotADemo("demo accounts exist in a demo database only")
    with transaction.atomic():
        # A lock, since the loading of the demo and a listing command would create the same accounts.
        sql.run("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        for account in DEMO_ACCOUNTS:
            _ensure(actor, account, now)
    return DEMO_ACCOUNTS


def _ensure(actor: Actor, account: DemoAccount, now: datetime) -> None:
    organisation_id: UUID | None = None
    if account.organisation is not None:
        kind, name = account.organisation
        organisation_id = ensure_organisation(actor=actor, kind=kind, name=name, now=now)
    user = User.objects.filter(username=account.username).first() or create_account(
        actor=actor,
        account=NewAccount(
            username=account.username,
            name=account.name,
            password=account.password,
            organisation_id=organisation_id,
            demo=True,
        ),
        now=now,
    )
    if not user.is_demo:  # created by an earlier demo without this account
        user.is_demo, user.password = True, make_password(account.password)
        user.save(update_fields=["is_demo", "password"])
    lasting = Habilitation.objects.filter(
        person=user.person_id, valid_until__gt=now + RENEWED_BEFORE
    )
    if lasting.exists():
        return
    habilitation = NewHabilitation(
        person_id=user.person_id,
        role=account.role,
        desk_id=_DESK if account.role in AT_A_DESK else None,
        organisation_id=organisation_id,
        act_reference="DEMO",
        valid_from=now,
        valid_until=now + LONGEST,
    )
    grant_habilitation(actor=actor, habilitation=habilitation, now=now)
