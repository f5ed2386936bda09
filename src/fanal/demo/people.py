"""Demo events of people and partners: accounts, habilitations (roles), partners and their quotas."""

from datetime import datetime, timedelta

from fanal.accounts.domain.records import (
    NewAccount,
    NewHabilitation,
    ReviewVerdict,
    RevocationReason,
)
from fanal.accounts.operations import habilitations
from fanal.accounts.operations.demo import DEMO_ACCOUNTS, DemoAccount, ensure_demo_accounts
from fanal.accounts.operations.habilitations import AT_A_DESK
from fanal.accounts.operations.partners import add_partner, spend_quota
from fanal.accounts.operations.people import create_account, ensure_desk
from fanal.accounts.queries import people as queries
from fanal.demo.world import HOTLINE, SYSTEM, DemoEvent, World
from fanal.kernel.actors import Role

OPENED = timedelta(days=400)
_RENEWED = timedelta(days=40)
_YEAR = timedelta(days=366)
_DAY = timedelta(days=1)
WEST = 2
PROVIDERS: tuple[tuple[str, int | None], ...] = (
    (HOTLINE, 60), ("Chatoria", 600), ("Pixelnest", 300), ("Castlequest", None),
)  # fmt: skip
_OTHERS: tuple[tuple[str, str, Role, int, int], ...] = (
    # login, name, role, days from now to the start, days from now to the end
    ("lucie", "Lucie Morel", Role.ANALYST, -355, 10),
    ("marc", "Marc Thévenet", Role.ANALYST, -300, 60),
    ("nadia", "Nadia Ferrand", Role.JUDICIAL_OFFICER, -390, -30),
)


def events() -> list[DemoEvent]:
    """Return the demo events of the desk's people (accounts, authorisations) and of its partners."""
    return [
        DemoEvent(before=OPENED, play=_open_desk),
        DemoEvent(before=timedelta(days=399), play=_admit_partners),
        DemoEvent(before=timedelta(days=355), play=_habilitate_others),
        DemoEvent(before=timedelta(days=80), play=_review),
        DemoEvent(before=timedelta(hours=1), play=_use_quota),
    ]


def _open_desk(world: World, at: datetime) -> None:
    """Open the demo accounts, with personal authorisations (habilitations) that are renewed after a year.

    `fanal run` may already have created the accounts as of now: missing periods of the past are added.
    """
    ensure_desk(actor=SYSTEM, desk_id=WEST, code="OUEST", name="Antenne Ouest")
    ensure_demo_accounts(actor=SYSTEM, now=at)
    for account in DEMO_ACCOUNTS:
        for start in (at, world.now - _RENEWED):
            for instant in (start, start + _RENEWED - _DAY, start + _YEAR - _DAY):
                if account.role not in world.person(account.username, instant).roles:
                    _grant(account, start)


def _grant(account: DemoAccount, start: datetime) -> None:
    user = queries.find_user(username=account.username)
    if user is None:
        raise LookupError(account.username)
    body = account.organisation
    habilitations.grant_habilitation(
        actor=SYSTEM,
        habilitation=NewHabilitation(
            person_id=user.person_id,
            role=account.role,
            desk_id=1 if account.role in AT_A_DESK else None,
            organisation_id=queries.find_partner(name=body[1]) if body else None,
            act_reference="DEMO",
            valid_from=start,
            valid_until=start + _YEAR,
        ),
        now=start,
    )


def _admit_partners(world: World, at: datetime) -> None:
    del world
    for name, quota in PROVIDERS:
        add_partner(actor=SYSTEM, name=name, now=at, quota=quota)


def _habilitate_others(world: World, at: datetime) -> None:
    """Open accounts with a personal authorisation (habilitation): about to end, later revoked, or ended."""
    for login, name, role, first, last in _OTHERS:
        user = queries.find_user(username=login) or create_account(
            actor=SYSTEM, account=NewAccount(username=login, name=name), now=at
        )
        habilitations.grant_habilitation(
            actor=SYSTEM,
            habilitation=NewHabilitation(
                person_id=user.person_id,
                role=role,
                desk_id=1,
                act_reference=f"DEMO {login}",
                valid_from=world.now + timedelta(days=first),
                valid_until=world.now + timedelta(days=last),
            ),
            now=at,
        )


def _review(world: World, at: datetime) -> None:
    """Confirm one authorisation (habilitation) at the quarterly review; revoke a former employee's."""
    claire = world.person("claire", at)
    by_act = {h.act_reference: h.id for h in queries.list_habilitations(actor=claire)}
    habilitations.review_habilitation(
        actor=claire, habilitation_id=by_act["DEMO lucie"], verdict=ReviewVerdict.KEEP, now=at
    )
    habilitations.revoke_habilitation(
        actor=claire, habilitation_id=by_act["DEMO marc"], reason=RevocationReason.LEFT, now=at
    )


def _use_quota(world: World, at: datetime) -> None:
    """Make a quota visible in use: issue a credential to a provider, and count some calls within a minute."""
    issued = add_partner(actor=SYSTEM, name="Galleo", now=at, quota=120)
    identity = queries.authenticate_partner_bearer(
        authorization=f"Bearer {issued.token}", now=world.now
    )
    if identity is not None:
        for _ in range(7):
            spend_quota(identity=identity, now=at)
