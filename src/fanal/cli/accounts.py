"""`fanal desk`, `fanal partner`, `fanal user`: desks, credentials of partners, and accounts of people.

A desk is an office of the national service; reports, dossiers and measures belong to one. A partner is an
organisation whose programs send reports. People have authorisations (habilitations) by reference to an act.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import click

from fanal.cli.actors import code_option, prove
from fanal.cli.boot import with_django
from fanal.cli.failures import CommandRefused, language, tell
from fanal.kernel import clock
from fanal.kernel.actors import Role, system_actor
from fanal.kernel.typed import is_mail_address
from fanal.postgres import DatabaseRole
from fanal.reference import label

_DESK = "fanal desk"


@click.group()
def desk() -> None:
    """List, open, edit, close and reopen desks; desk 1 always exists."""


@desk.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@with_django(DatabaseRole.APP)
def desk_list(as_json: bool) -> None:
    """List the desks: number, code, names, territory, contact, and when a closed one was closed."""
    from fanal.accounts.queries.desks import list_desks

    for found in list_desks(actor=system_actor(_DESK)):
        line = asdict(found)
        line["closed_at"] = found.closed_at.isoformat() if found.closed_at else None
        click.echo(
            json.dumps(line, ensure_ascii=False)
            if as_json
            else "\t".join("" if text is None else str(text) for text in line.values())
        )


@desk.command("add")
@click.argument("code")
@click.option("--name", required=True, help="French name of the desk on pages and letters.")
@click.option("--name-en", default="", help="English name; default: the French one.")
@click.option("--territory", default="", help="For which places it works, in words.")
@click.option("--contact", default="", help="Contact for other desks: telephone or e-mail.")
@with_django(DatabaseRole.APP)
def desk_add(*, code: str, **details: str) -> None:
    """Open the desk CODE (capital letters, digits, dashes) and print its number."""
    from fanal.accounts.domain.records import DeskDetails
    from fanal.accounts.operations.desks import add_desk

    number = add_desk(
        actor=system_actor(_DESK), code=code, details=DeskDetails(**details), now=clock.now()
    )
    click.echo(number)


@desk.command("edit")
@click.argument("number", type=int)
@click.option("--name", help="French name of the desk on pages and letters.")
@click.option("--name-en", help="English name; empty: the French one.")
@click.option("--territory", help="For which places it works, in words.")
@click.option("--contact", help="Contact for other desks: telephone or e-mail.")
@with_django(DatabaseRole.APP)
def desk_edit(*, number: int, **changes: str | None) -> None:
    """Change the details of the desk NUMBER."""
    from fanal.accounts.operations.desks import edit_desk

    with _existing(number):
        edit_desk(actor=system_actor(_DESK), desk_id=number, now=clock.now(), **changes)


@desk.command("close")
@click.argument("number", type=int)
@with_django(DatabaseRole.APP)
def desk_close(*, number: int) -> None:
    """Close the desk NUMBER, if no unfinished work is left there (the message names it)."""
    from fanal.desks import close_desk, desk_left
    from fanal.kernel.refusal import Refusal

    actor, now = system_actor(_DESK), clock.now()
    with _existing(number):
        try:
            close_desk(actor=actor, desk_id=number, now=now)
        except Refusal as refused:
            if refused.code != "LEFT":
                raise
            left = desk_left(actor=actor, desk_id=number, now=now).items()
            words = [f"{label('desk_work', work, language())} ({n})" for work, n in left if n]
            raise CommandRefused("DESK_LEFT", left="; ".join(words)) from None


@desk.command("reopen")
@click.argument("number", type=int)
@with_django(DatabaseRole.APP)
def desk_reopen(*, number: int) -> None:
    """Open the closed desk NUMBER again."""
    from fanal.accounts.operations.desks import reopen_desk

    with _existing(number):
        reopen_desk(actor=system_actor(_DESK), desk_id=number, now=clock.now())


@contextmanager
def _existing(number: int) -> Iterator[None]:
    from django.core.exceptions import ObjectDoesNotExist

    try:
        yield
    except ObjectDoesNotExist:
        raise CommandRefused("NO_DESK", number=number) from None


_PARTNER = "fanal partner"


@click.group()
def partner() -> None:
    """Create and revoke the credentials of partners, whose programs send reports or read lists."""


@partner.command("add")
@click.argument("name")
@click.option(
    "--quota", type=click.IntRange(min=1), help="Maximum requests a minute; default: no limit."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_django(DatabaseRole.APP)
def partner_add(name: str, quota: int | None, as_json: bool) -> None:
    """Create a password (HTTP Basic) and a token (Bearer) for the programs of the partner NAME.

    Both are printed once and cannot be shown again.
    """
    from fanal.accounts.operations.partners import add_partner
    from fanal.accounts.queries.people import find_partner

    known = find_partner(name=name) is not None
    issued = add_partner(actor=system_actor(_PARTNER), name=name, quota=quota, now=clock.now())
    if known:
        tell("PARTNER_AGAIN", partner=name)
    fields = {
        "partner": issued.partner,
        "user": issued.user,
        "password": issued.password,
        "token": issued.token,
    }
    if as_json:
        click.echo(json.dumps(fields, ensure_ascii=False))
        return
    for key, value in fields.items():
        click.echo(f"{key}: {value}")
    tell("SHOWN_ONCE")


@partner.command("revoke")
@click.argument("login")
@with_django(DatabaseRole.APP)
def partner_revoke(login: str) -> None:
    """Revoke a partner's credential, given by its user name LOGIN, at once."""
    from django.core.exceptions import ObjectDoesNotExist

    from fanal.accounts.operations.partners import revoke_credential

    try:
        revoke_credential(actor=system_actor(_PARTNER), login=login, now=clock.now())
    except ObjectDoesNotExist:
        raise CommandRefused("NO_CREDENTIAL", login=login) from None


_USER = "fanal user"
_GIVEN = sorted(set(Role) - {Role.SYSTEM, Role.PUBLIC})


@click.group()
def user() -> None:
    """Open, link, reset and close people's accounts; grant authorisations (habilitations)."""


@user.command("add")
@click.argument("login")
@click.option("--name", required=True, help="The person's name.")
@click.option("--email", default="", help="The person's e-mail address.")
@click.option(
    "--password", help="Password; default: asked on the terminal.", envvar="FANAL_USER_PASSWORD"
)
@with_django(DatabaseRole.APP)
def user_add(*, login: str, name: str, email: str, password: str | None) -> None:
    """Open the account LOGIN for a person; rights come with `fanal user grant`."""
    from django.contrib.auth.password_validation import validate_password
    from django.core.exceptions import ValidationError

    from fanal.accounts.domain.records import NewAccount, is_login, is_person_name
    from fanal.accounts.operations.people import LoginTaken, create_account

    if not is_login(login):
        raise CommandRefused("LOGIN_REFUSED")
    if not is_person_name(name):
        raise CommandRefused("NAME_REFUSED")
    if email and not is_mail_address(email):
        raise CommandRefused("EMAIL_REFUSED")
    given = password or click.prompt("Password", hide_input=True, confirmation_prompt=True)
    try:
        validate_password(given)
        account = NewAccount(username=login, name=name, email=email, password=given)
        create_account(actor=system_actor(_USER), account=account, now=clock.now())
    except ValidationError as refused:
        raise CommandRefused("PASSWORD_REFUSED", detail=" ".join(refused.messages)) from None
    except LoginTaken:
        raise CommandRefused("LOGIN_TAKEN", login=login) from None


@user.command("grant")
@click.argument("login")
@click.argument("role", type=click.Choice([role.value for role in _GIVEN]))
@click.option("--act", required=True, help="Reference of the act of habilitation.")
@click.option("--desk", type=int, help="Number of the desk, for the roles of a desk.")
@click.option("--organisation", help="Name of the laboratory or partner, for their roles.")
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Last day, excluded; one year at most, which is the default.",
)
@with_django(DatabaseRole.WORKER)
def user_grant(
    *,
    login: str,
    role: str,
    act: str,
    desk: int | None,
    organisation: str | None,
    until: datetime | None,
) -> None:
    """Grant the role ROLE to LOGIN from now on (habilitation), by the act that authorises the person."""
    from django.db import IntegrityError
    from psycopg.errors import ForeignKeyViolation

    from fanal.accounts.domain.records import NewHabilitation
    from fanal.accounts.operations.habilitations import grant_habilitation
    from fanal.accounts.queries.people import find_partner, find_user

    now = clock.now()
    found = find_user(username=login)
    if found is None:
        raise CommandRefused("NO_ACCOUNT", login=login)
    body = find_partner(name=organisation) if organisation else None
    if organisation and body is None:
        raise CommandRefused("NO_ORGANISATION", name=organisation)
    end = until.replace(tzinfo=UTC) if until else now + timedelta(days=365)
    habilitation = NewHabilitation(
        person_id=found.person_id,
        role=Role(role),
        act_reference=act,
        valid_from=now,
        valid_until=end,
        desk_id=desk,
        organisation_id=body,
    )
    try:
        grant_habilitation(actor=system_actor(_USER), habilitation=habilitation, now=now)
    except IntegrityError as error:
        if not isinstance(error.__cause__, ForeignKeyViolation):
            raise
        raise CommandRefused("NO_DESK", number=desk or 0) from None


@user.command("close")
@click.argument("login")
@with_django(DatabaseRole.APP)
def user_close(login: str) -> None:
    """Close the account LOGIN of a person, and end its sessions."""
    from fanal.accounts.operations.changes import close_account
    from fanal.accounts.queries.people import find_user

    found = find_user(username=login)
    if found is None:
        raise CommandRefused("NO_ACCOUNT", login=login)
    close_account(actor=system_actor(_USER), person_id=found.person_id, now=clock.now())


@user.command("reset")
@click.argument("login")
@click.option(
    "--password",
    "new_password",
    is_flag=True,
    help="Set a new password and print its first half (always with --factors).",
)
@click.option("--factors", is_flag=True, help="Remove every second factor too.")
@click.option(
    "--second",
    "confirming",
    required=True,
    help="Login of the supervisor or administrator who confirms.",
)
@code_option
@with_django(DatabaseRole.WORKER)
def user_reset(
    *, login: str, new_password: bool, factors: bool, confirming: str, code: str | None
) -> None:
    """Reset how the person LOGIN signs in (password, second factors); authorisations and past acts remain."""
    from django.db import transaction

    from fanal.accounts.domain.policy import Refused as NotAllowed
    from fanal.accounts.operations import resets
    from fanal.accounts.operations.people import lock_accounts
    from fanal.accounts.queries.people import actor_for, find_user
    from fanal.kernel.refusal import Refusal

    now, console = clock.now(), system_actor(_USER)
    found, second = find_user(username=login), find_user(username=confirming)
    if found is None or second is None:
        raise CommandRefused("NO_ACCOUNT", login=login if found is None else confirming)
    if not (new_password or factors):
        raise CommandRefused("RESET_NOTHING")
    prove(confirming, code)
    actor = actor_for(user=second, now=now, motive=_USER)
    try:
        with transaction.atomic():
            lock_accounts(found.person_id, second.person_id)
            reset_id = resets.propose_reset(
                actor=console,
                person_id=found.person_id,
                factors=factors,
                reason=resets.ResetReason.LOST,
                now=now,
            )
            resets.confirm_reset(actor=actor, reset_id=reset_id, now=now)
    except NotAllowed:
        raise CommandRefused("RESET_SECOND", name=confirming, login=login) from None
    except Refusal as refused:
        if refused.code == "OPEN":
            raise CommandRefused("RESET_OPEN", login=login) from None
        raise CommandRefused("RESET_SECOND", name=confirming, login=login) from None
    click.echo(resets.password_half(reset_id, resets.ResetHalf.PROPOSER))
    tell("RESET_HALF", name=confirming, path=f"/account/resets/{reset_id}/")


@user.command("link")
@click.argument("login")
@click.argument("subject")
@with_django(DatabaseRole.APP)
def user_link(login: str, subject: str) -> None:
    """Link the account LOGIN to SUBJECT, the person's identifier at the single sign-on provider."""
    from django.db import transaction

    from fanal.accounts.operations.people import record_link
    from fanal.accounts.queries.people import find_user
    from fanal.web.account.single_sign_on import SubjectTaken, SubjectUnknown, link_subject

    found = find_user(username=login)
    if found is None:
        raise CommandRefused("NO_ACCOUNT", login=login)
    try:
        with transaction.atomic():
            if link_subject(user=found, subject=subject):
                record_link(actor=system_actor(_USER), user=found, now=clock.now())
    except SubjectTaken:
        raise CommandRefused("SUBJECT_TAKEN") from None
    except SubjectUnknown:
        raise CommandRefused("SUBJECT_UNKNOWN") from None
