"""`fanal deconflict`: rounds with other organisations, as files or over their service; matches."""

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import click
import msgspec

from fanal.cli.boot import with_django
from fanal.cli.deconflict_counterparts import counterpart, counterpart_of, told, why
from fanal.cli.distribution import write_whole
from fanal.cli.failures import Failed
from fanal.cli.printing import Row, print_rows
from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.postgres import DatabaseRole

_MOST_HITS = 1_000_000
_ACTOR = system_actor("fanal deconflict")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
_OUT = click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write the message to.",
)
_MESSAGE = click.argument("message", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@click.group()
def deconflict() -> None:
    """Learn with another body that both hold the same identifier, and nothing else."""


deconflict.add_command(counterpart)


@deconflict.command("key")
@with_django(DatabaseRole.WORKER, seals=True)
def key() -> None:
    """Print the public key by which counterparts know this installation; made when there is none."""
    from fanal.deconfliction import operations

    public = operations.ensure_identity(actor=_ACTOR, now=clock.now())
    click.echo(json.dumps({"key": public.hex()}))


@deconflict.command("offer")
@click.argument("name")
@_OUT
@with_django(DatabaseRole.WORKER, seals=True)
def offer(name: str, out: Path) -> None:
    """Begin a round with the counterpart NAME; the same file again while one is under way."""
    from fanal.deconfliction import operations

    with told():
        round_id, body = operations.make_offer(
            actor=_ACTOR, counterpart=counterpart_of(name), now=clock.now()
        )
    write_whole(out, body)
    _print_round(round_id)


@deconflict.command("answer")
@_MESSAGE
@_OUT
@with_django(DatabaseRole.WORKER, seals=True)
def answer(message: Path, out: Path) -> None:
    """Answer the offer MESSAGE of a counterpart."""
    from fanal.deconfliction import operations

    with told():
        round_id = operations.receive(actor=_ACTOR, body=_read(message), now=clock.now())
        body = operations.answer(actor=_ACTOR, round_id=round_id, now=clock.now())
    write_whole(out, body)
    _print_round(round_id)


@deconflict.command("conclude")
@_MESSAGE
@_OUT
@with_django(DatabaseRole.WORKER, seals=True)
def conclude(message: Path, out: Path) -> None:
    """Conclude a round by the answer MESSAGE of a counterpart: hits here, and a file for them."""
    from fanal.deconfliction import operations

    with told():
        round_id = operations.receive(actor=_ACTOR, body=_read(message), now=clock.now())
        body = operations.conclude(actor=_ACTOR, round_id=round_id, now=clock.now())
    write_whole(out, body)
    _print_round(round_id)


@deconflict.command("take")
@_MESSAGE
@with_django(DatabaseRole.WORKER, seals=True)
def take(message: Path) -> None:
    """Take the conclusion MESSAGE of a counterpart: hits here."""
    from fanal.deconfliction import operations

    with told():
        round_id = operations.receive(actor=_ACTOR, body=_read(message), now=clock.now())
        operations.take_conclusion(actor=_ACTOR, round_id=round_id, now=clock.now())
    _print_round(round_id)


@deconflict.command("run")
@click.argument("name")
@with_django(DatabaseRole.WORKER, seals=True)
def run(name: str) -> None:
    """Bring a round with the service of the counterpart NAME as far as it goes."""
    from fanal.worker import deconfliction_rounds

    try:
        round_id = deconfliction_rounds.run(actor=_ACTOR, counterpart=counterpart_of(name))
    except deconfliction_rounds.RoundStopped as stopped:
        raise Failed("DECONFLICTION_REFUSED", why=why(stopped.code)) from None
    _print_round(round_id)


@deconflict.command("rounds")
@_JSON
@with_django(DatabaseRole.WORKER)
def rounds(as_json: bool) -> None:
    """List the newest rounds with their counts."""
    from fanal.deconfliction import queries

    names = {one.id: one.name for one in queries.list_counterparts(actor=_ACTOR)}

    def rows() -> Iterator[Row]:
        for found in queries.list_rounds(actor=_ACTOR):
            name = names[found.counterpart_id]
            text = f"{found.id}  {name:24}{found.side:10}{found.state:10}{found.met or 0:>6}"
            yield msgspec.to_builtins(found) | {"counterpart": name}, text

    print_rows(rows(), as_json=as_json)


@deconflict.command("hits")
@_JSON
@with_django(DatabaseRole.WORKER)
def hits(as_json: bool) -> None:
    """List hits: with whom, in which state, how many of our reports; never the identifier."""
    from fanal.deconfliction import queries

    def rows() -> Iterator[Row]:
        for found in queries.list_hits(actor=_ACTOR, limit=_MOST_HITS):
            line = {
                "hit": str(found.id),
                "counterpart": found.counterpart,
                "contact": found.contact,
                "state": found.state,
                "met_at": found.met_at.isoformat(),
                "reports": [str(report_id) for report_id in found.report_ids],
            }
            text = f"{found.id}  {found.counterpart:24}{found.state:10}{len(found.report_ids):>6}"
            yield line, text

    print_rows(rows(), as_json=as_json)


def _print_round(round_id: UUID) -> None:
    from fanal.deconfliction import queries

    found = queries.get_round(actor=_ACTOR, round_id=round_id)
    if found is not None:
        line = {
            "round": str(found.id),
            "state": found.state,
            "shown": found.shown,
            "met": found.met,
        }
        click.echo(json.dumps(line))


def _read(path: Path) -> bytes:
    """Return a message, cut one byte above the size limit, so that the limit check refuses a longer one."""
    from fanal.deconfliction.domain.message import MAX_BYTES

    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)
