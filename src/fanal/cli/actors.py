"""The person on whose behalf a command acts or reads: proof of identity, rights, audit entry (ledger)."""

import sys
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import click

from fanal.cli.failures import CommandRefused, words
from fanal.kernel import clock
from fanal.kernel.actors import Actor, Role, system_actor

# Proof of identity on the command line: a person named as acting confirms by their second factor.

code_option = click.option(
    "--code", help="One-time code of that person; default: asked on the terminal."
)
exporter_option = click.option(
    "--as", "as_user", metavar="USER", help="Login of the person who exports."
)


def prove(login: str, code: str | None) -> None:
    """Verify that the person at the terminal is `login`, by a one-time code: `code`, else one typed now.

    A demo database requires none; a message says so.

    Raises:
        CommandRefused: the account or its one-time codes are missing, or the code is missing or wrong.
    """
    from fanal.accounts.queries.people import find_user, has_demo_mark
    from fanal.web.account import second_factor

    if has_demo_mark():
        click.echo(words("FACTOR_DEMO", name=login), err=True)
        return
    user = find_user(username=login)
    if user is None:
        raise CommandRefused("NO_ACCOUNT", login=login)
    if not second_factor.has_codes(user=user):
        raise CommandRefused("FACTOR_MISSING", name=login)
    if code is None and not sys.stdin.isatty():
        raise CommandRefused("FACTOR_NEEDED", name=login)
    given = code or click.prompt(words("FACTOR_ASKED", name=login), hide_input=True, err=True)
    if not second_factor.passes(user=user, code=given):
        raise CommandRefused("FACTOR_WRONG", name=login)


# The actor on whose behalf a command reads, and the ledger entry of the reading.

_REFUSED = {
    "report.read": "READER_REFUSED",
    "measure.read": "READER_REFUSED",
    "export.write": "EXPORT_REFUSED",
    "hold.read": "HOLDS_HIDDEN",
    "retention.hold": "HOLD_REFUSED",
    "list.keep": "KEEPER_REFUSED",
    "rules.draft": "RULES_NOBODY",
    "addressee.keep": "ADDRESSEE_KEEPER",
}


def reader(username: str | None, *, motive: str, action: str = "report.read") -> Actor:
    """Return the actor who reads: the person with the login `username`, or the system in a demo database.

    `motive`: the purpose recorded with each reading. `action` is the required right, such as `export.write`.
    The database session then shows only the rows that the actor may see.

    Raises:
        CommandRefused: the person is unknown or lacks the right, or no person is named outside a demo.
    """
    from fanal.accounts import row_scope
    from fanal.accounts.domain.policy import may
    from fanal.accounts.queries.people import actor_for, find_user, has_demo_mark

    if username is None:
        if has_demo_mark():
            return system_actor(motive)
        raise CommandRefused("READER_NEEDED")
    user = find_user(username=username)
    actor = actor_for(user=user, now=clock.now(), motive=motive) if user else None
    if actor is None or not may(actor, action):
        raise CommandRefused(_REFUSED[action], name=username)
    row_scope.show_to(actor)
    return actor


def proven(username: str | None, *, code: str | None, motive: str, action: str) -> Actor:
    """Return the actor of an act that requires a fresh second factor, verified by the one-time code `code`.

    `username` is the person's login, None for the system in a demo database, which proves nothing. `motive`
    is the purpose recorded with the act, `action` the required right, such as `export.write`.

    Raises:
        CommandRefused: the person is unknown or lacks the right, none is named, or the code is wrong.
    """
    actor = reader(username, motive=motive, action=action)
    if username is not None:
        prove(username, code)
    return actor


def supervisor(login: str) -> Actor:
    """Return the actor of the person with the login `login`, who must have the right to draft priority rules.

    Raises:
        CommandRefused: there is no such person with this right.
    """
    return reader(login, motive="fanal rules", action="rules.draft")


def consult(actor: Actor, report_ids: Sequence[UUID], *, now: datetime) -> None:
    """Record in the ledger (audit log) that the actor consults these reports, and commit.

    Call it before anything of them is printed.
    """
    from fanal.ledger import operations as ledger

    if report_ids:
        ledger.record_batch(
            actor=actor,
            action="report.read",
            at=now,
            kind="report",
            items=[(report_id, b"") for report_id in report_ids],
            detail={"system": int(actor.has(Role.SYSTEM))},
        )
