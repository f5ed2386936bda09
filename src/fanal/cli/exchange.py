"""`fanal lists source` and `fanal lists fetch`: lists of hashes fetched from partners' servers."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from fanal.cli.actors import code_option, prove
from fanal.cli.boot import with_django
from fanal.cli.failures import CommandRefused, Failed, language
from fanal.cli.output import Row, print_rows
from fanal.exchange.domain.records import FetchCheckpoint, ListSource, Service
from fanal.kernel import clock
from fanal.kernel.actors import Actor, system_actor
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.postgres import DatabaseRole

_ACTOR = system_actor("fanal lists")


@click.group("source")
def source() -> None:
    """Register, list, enable and disable the partners' servers from which lists are fetched (sources)."""


@source.command("add")
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice([s.value for s in Service]),
    required=True,
    help="Protocol of the service.",
)
@click.option(
    "--url", required=True, help="Root URL of the service: https://…/hashsharing, or an API root."
)
@click.option("--list", "listed", required=True, help="Existing list that receives the entries.")
@click.option("--collection", default="", help="Collection of a TAXII server.")
@click.option("--login", default="", help="User name for HTTP Basic.")
@click.option("--secret-file", default="", help="File with the password, read at each fetch.")
@click.option(
    "--secret-stdin", is_flag=True, help="Read the password from standard input and seal it."
)
@click.option(
    "--every", type=click.IntRange(1, 10080), default=60, help="Minutes between two fetches."
)
@with_django(DatabaseRole.WORKER, seals=True)
def add(  # noqa: PLR0913
    name: str,
    kind: str,
    url: str,
    listed: str,
    collection: str,
    login: str,
    secret_file: str,
    secret_stdin: bool,
    every: int,
) -> None:
    """Add the source NAME, a partner's server.

    Scheduled fetches require a standing instruction for its list.
    """
    from fanal.accounts.queries.people import has_demo_mark
    from fanal.analyse.material.queries.lists import find_list
    from fanal.exchange.operations.sources import add_source

    now, found = clock.now(), find_list(name=listed)
    if found is None:
        raise Refusal("exchange", "LIST")
    made = ListSource(
        id=new_id(now),
        name=name,
        kind=Service(kind),
        url=url,
        list_id=found.id,
        collection=collection,
        login=login,
        secret_file=str(Path(secret_file).resolve()) if secret_file else "",
        every_minutes=every,
        added_at=now,
    )
    add_source(
        actor=_ACTOR,
        source=made,
        secret=sys.stdin.readline().rstrip("\n") if secret_stdin else "",
        loopback=has_demo_mark(),
        now=now,
    )
    click.echo(json.dumps({"id": str(made.id), "name": name}, ensure_ascii=False))


@source.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@with_django(DatabaseRole.WORKER)
def list_(as_json: bool) -> None:
    """List the partners' servers from which lists are fetched (sources), with progress and last failure."""
    print_rows(_rows(), as_json=as_json)


def _rows() -> Iterator[Row]:
    from fanal.exchange import queries

    sources = queries.list_sources(actor=_ACTOR)
    checkpoints = queries.get_checkpoints(source_ids=[found.id for found in sources])
    for found in sources:
        held = checkpoints[found.id]
        words = f"{found.name}  {held.taken} + {held.withdrawn} −  {held.error or held.completed_at or ''}"
        yield _line(found, held), words


@source.command("off")
@click.argument("name")
@with_django(DatabaseRole.WORKER)
def off(name: str) -> None:
    """Disable the source NAME, a partner's server: scheduled fetches skip it; its list remains."""
    _switch(name, enabled=False)


@source.command("on")
@click.argument("name")
@with_django(DatabaseRole.WORKER)
def on(name: str) -> None:
    """Enable the source NAME, a partner's server, for scheduled fetches."""
    _switch(name, enabled=True)


@click.command("fetch")
@click.argument("name")
@click.option(
    "--as",
    "login",
    help="Login of the supervisor who fetches; default: under a standing instruction.",
)
@code_option
@with_django(DatabaseRole.WORKER)
def fetch(name: str, login: str | None, code: str | None) -> None:
    """Fetch the list of the source NAME (a partner's server) now, from the last checkpoint.

    Prints the progress as JSON. Without --as, this requires a standing instruction LIST_FETCH for the list.
    """
    from fanal.exchange import queries
    from fanal.worker import list_jobs

    found = queries.find_source(actor=_ACTOR, name=name)
    if found is None:
        raise CommandRefused("SOURCE_NOT_FOUND", name=name)
    if login is None and list_jobs.instruction_for(found, now=clock.now()) is None:
        raise CommandRefused("FETCH_NEEDS_INSTRUCTION", name=name)
    actor = _ACTOR if login is None else _person(login)
    if login is not None:
        prove(login, code)
    try:
        pages = list_jobs.fetch_source(actor=actor, source=found, by_person=login is not None)
    except list_jobs.FetchFailed as failed:
        raise Failed("FETCH_FAILED", name=name, why=_why(failed.code)) from None
    held = queries.get_checkpoint(source_id=found.id)
    click.echo(json.dumps(_line(found, held) | {"fetched": pages}, ensure_ascii=False))


def _switch(name: str, *, enabled: bool) -> None:
    from fanal.exchange import queries
    from fanal.exchange.operations.sources import switch_source

    found = queries.find_source(actor=_ACTOR, name=name)
    if found is None:
        raise CommandRefused("SOURCE_NOT_FOUND", name=name)
    switch_source(actor=_ACTOR, source=found, enabled=enabled, now=clock.now())


def _person(login: str) -> Actor:
    from fanal.accounts import row_scope
    from fanal.accounts.domain.policy import may
    from fanal.accounts.queries.people import actor_for, find_user

    user = find_user(username=login)
    actor = actor_for(user=user, now=clock.now(), motive="fanal lists fetch") if user else None
    if actor is None or not may(actor, "list.keep"):
        raise CommandRefused("FETCH_NOBODY", name=login)
    row_scope.show_to(actor)
    return actor


def _line(found: ListSource, held: FetchCheckpoint) -> dict[str, object]:
    return {
        "name": found.name,
        "kind": found.kind.value,
        "url": found.url,
        "enabled": found.enabled,
        "pages": held.pages,
        "taken": held.taken,
        "withdrawn": held.withdrawn,
        "completed_at": held.completed_at.isoformat() if held.completed_at else None,
        "error": held.error,
    }


def _why(code: str) -> str:
    from fanal import reference

    return reference.label("exchange_refusal", code, language())
