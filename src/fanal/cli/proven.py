"""Proof of identity on the command line: a person named as acting confirms by their second factor."""

import sys

import click

from fanal.cli.failures import CommandRefused, words

code_option = click.option(
    "--code", help="One-time code of that person; asked for on the terminal when absent."
)


def prove(login: str, code: str | None) -> None:
    """Verify the person `login` by the one-time code `code`, or ask for it on the terminal.

    A demo database requires none; a message says so.

    Raises:
        CommandRefused: the account or its one-time codes are missing, or the code is missing or wrong.
    """
    from fanal.accounts import queries
    from fanal.web.account import second_factor

    if queries.has_demo_mark():
        click.echo(words("FACTOR_DEMO", name=login), err=True)
        return
    user = queries.find_user(username=login)
    if user is None:
        raise CommandRefused("NO_ACCOUNT", login=login)
    if not second_factor.has_codes(user=user):
        raise CommandRefused("FACTOR_MISSING", name=login)
    if code is None and not sys.stdin.isatty():
        raise CommandRefused("FACTOR_NEEDED", name=login)
    given = code or click.prompt(words("FACTOR_ASKED", name=login), hide_input=True, err=True)
    if not second_factor.passes(user=user, code=given):
        raise CommandRefused("FACTOR_WRONG", name=login)
