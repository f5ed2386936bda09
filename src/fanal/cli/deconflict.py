"""`fanal deconflict`: compares identifiers with other organisations by private set intersection.

A comparison is called a round; its messages travel as files, or over the organisation's service. A match is
an identifier that both organisations hold.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import click
import msgspec

from fanal.cli.boot import with_django
from fanal.cli.failures import CommandRefused, Failed, language
from fanal.cli.output import Row, print_rows, write_whole
from fanal.deconfliction.domain.limits import DAILY_POINTS
from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.kernel.refusal import Refusal
from fanal.postgres import DatabaseRole

# `fanal deconflict counterpart`: the counterparts of rounds, and the limits on the sets for each.

if TYPE_CHECKING:
    from fanal.deconfliction.domain.records import Counterpart

_ACTOR = system_actor("fanal deconflict")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")


@click.group("counterpart")
def counterpart() -> None:
    """Register, limit and close counterparts: organisations with which identifiers are compared."""


@counterpart.command("add")
@click.argument("name")
@click.option(
    "--our-name", required=True, help="Our name as the counterpart uses it; the same on both sides."
)
@click.option("--key", "public", required=True, help="Public key, 64 hexadecimal digits.")
@click.option("--contact", required=True, help="Contact of the counterpart for a match.")
@click.option("--partner", help="Partner whose credentials the program of the counterpart uses.")
@click.option("--url", default="", help="URL of its service: https://…/api/deconfliction.")
@click.option("--login", default="", help="User name for HTTP Basic.")
@click.option(
    "--secret-stdin", is_flag=True, help="Read the password from standard input and seal it."
)
@click.option("--every", type=click.IntRange(1, 744), default=24, help="Hours between two rounds.")
@click.option(
    "--daily-points",
    type=click.IntRange(64, 1 << 22),
    default=DAILY_POINTS,
    help="Maximum points that it may send in a day.",
)
@click.option(
    "--another",
    is_flag=True,
    help="It resembles a registered counterpart, and is another organisation.",
)
@with_django(DatabaseRole.WORKER, seals=True)
def add(  # noqa: PLR0913
    name: str,
    our_name: str,
    public: str,
    contact: str,
    partner: str | None,
    url: str,
    login: str,
    secret_stdin: bool,
    every: int,
    daily_points: int,
    another: bool,
) -> None:
    """Register the counterpart NAME, an organisation with which identifiers are compared.

    Comparisons require a standing instruction signed after this registration. An organisation registered
    before gets its new key by `counterpart key`.
    """
    from fanal.accounts.queries.people import find_partner, has_demo_mark
    from fanal.deconfliction.domain.records import NewCounterpart
    from fanal.deconfliction.operations.counterparts import add_counterpart

    organisation_id = find_partner(name=partner) if partner else None
    if partner and organisation_id is None:
        raise CommandRefused("NO_PARTNER", partner=partner)
    made = add_counterpart(
        actor=_ACTOR,
        counterpart=NewCounterpart(
            name=name,
            our_name=our_name,
            contact=contact,
            public_key=_key_of(public),
            organisation_id=organisation_id,
            url=url,
            login=login,
            every_hours=every,
            daily_points=daily_points,
        ),
        secret=sys.stdin.readline().rstrip("\n") if secret_stdin else "",
        loopback=has_demo_mark(),
        another=another,
        now=clock.now(),
    )
    click.echo(json.dumps({"id": str(made), "name": name}, ensure_ascii=False))


@counterpart.command("key")
@click.argument("name")
@click.option("--key", "public", required=True, help="Its new public key, 64 hexadecimal digits.")
@click.option("--name", "renamed", help="Its new name.")
@click.option("--our-name", help="Our new name as the counterpart uses it.")
@click.option("--contact", help="Its new contact for a match.")
@with_django(DatabaseRole.WORKER)
def key_(
    name: str, public: str, renamed: str | None, our_name: str | None, contact: str | None
) -> None:
    """Register the new key of the counterpart NAME; if it was closed, it is open again.

    Its limits and the dossiers withheld from it stay. Comparisons require a standing instruction signed after
    this.
    """
    from fanal.deconfliction import queries
    from fanal.deconfliction.operations.counterparts import renew_counterpart

    named = [one for one in queries.list_counterparts(actor=_ACTOR) if one.name == name]
    if not named:
        raise Refusal("deconfliction", "NOT_FOUND")
    # The open one, else the one closed last.
    found = max(named, key=lambda one: (one.closed_at is None, one.closed_at or one.added_at))
    renew_counterpart(
        actor=_ACTOR,
        counterpart_id=found.id,
        public_key=_key_of(public),
        name=renamed or found.name,
        our_name=our_name or found.our_name,
        contact=contact or found.contact,
        now=clock.now(),
    )
    click.echo(json.dumps({"id": str(found.id), "name": renamed or name}, ensure_ascii=False))


@counterpart.command("list")
@_JSON
@with_django(DatabaseRole.WORKER)
def list_(as_json: bool) -> None:
    """List the counterparts with their limits, and how many blinded identifiers each has sent today."""
    from fanal.deconfliction import queries

    found = queries.list_counterparts(actor=_ACTOR)
    asked = queries.asked_on(counterpart_ids=[one.id for one in found], now=clock.now())
    for one in found:
        line = {
            "name": one.name,
            "our_name": one.our_name,
            "contact": one.contact,
            "key": one.public_key.hex(),
            "url": one.url,
            "limits": msgspec.to_builtins(one.limits),
            "asked_today": asked.get(one.id, 0),
            "daily_points": one.daily_points,
            "closed_at": one.closed_at.isoformat() if one.closed_at else None,
        }
        kinds = ",".join(one.limits.kinds)
        text = f"{one.name:24}{kinds}  {line['asked_today']}/{one.daily_points}  {line['closed_at'] or ''}"
        click.echo(json.dumps(line, ensure_ascii=False) if as_json else text)


@counterpart.command("close")
@click.argument("name")
@with_django(DatabaseRole.WORKER)
def close(name: str) -> None:
    """Close the counterpart NAME: identifiers are not compared with it any more; its matches remain."""
    from fanal.deconfliction.operations.counterparts import close_counterpart

    close_counterpart(actor=_ACTOR, counterpart_id=counterpart_of(name).id, now=clock.now())


@counterpart.command("limit")
@click.argument("name")
@click.option(
    "--kind", "kinds", multiple=True, required=True, help="Kind of identifier, such as EMAIL."
)
@click.option(
    "--role",
    "roles",
    multiple=True,
    required=True,
    help="SUSPECT, RECIPIENT, ASSOCIATED or CONTENT.",
)
@click.option(
    "--desk", "desks", multiple=True, type=int, help="Number of a desk; default: all desks."
)
@click.option("--months", type=int, required=True, help="Maximum age of a report in months.")
@with_django(DatabaseRole.WORKER)
def limit(
    name: str, kinds: tuple[str, ...], roles: tuple[str, ...], desks: tuple[int, ...], months: int
) -> None:
    """Replace the limits on the identifiers that are compared with the counterpart NAME."""
    from fanal.deconfliction.domain import limits
    from fanal.deconfliction.operations.counterparts import set_limits

    set_limits(
        actor=_ACTOR,
        counterpart_id=counterpart_of(name).id,
        limits=limits.checked(kinds=kinds, roles=roles, desk_ids=desks, months=months),
        now=clock.now(),
    )


def counterpart_of(name: str) -> "Counterpart":
    """Return the open counterpart of this name: an organisation with which rounds of de-confliction are run.

    Raises:
        Refusal: NOT_FOUND: there is none, or it is closed.
    """
    from fanal.deconfliction import queries

    found = queries.find_counterpart(name=name)
    if found is None:
        raise Refusal("deconfliction", "NOT_FOUND")
    return found


def _key_of(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise Refusal("deconfliction", "KEY") from None


def why(code: str) -> str:
    """Return the message of a refusal `code` of `fanal deconflict`, in the language of the command line."""
    from fanal import reference

    return reference.label("deconfliction_refusal", code, language())


# Rounds, and their matches.

_MOST_HITS = 1_000_000
_OUT = click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="File for the resulting message.",
)
_MESSAGE = click.argument("message", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@click.group()
def deconflict() -> None:
    """Find identifiers that another authority also holds, by private set intersection."""


deconflict.add_command(counterpart)


@deconflict.command("key")
@with_django(DatabaseRole.WORKER, seals=True)
def key() -> None:
    """Print the public key of this installation, which counterparts register; create it if it is missing."""
    from fanal.deconfliction.operations.identity import ensure_identity

    public = ensure_identity(actor=_ACTOR, now=clock.now())
    click.echo(json.dumps({"key": public.hex()}))


@deconflict.command("offer")
@click.argument("name")
@_OUT
@with_django(DatabaseRole.WORKER, seals=True)
def offer(name: str, out: Path) -> None:
    """Begin a comparison with the counterpart NAME: write our message to OUT, to be handed to it.

    While one is open, the same file is written again. Prints the round's id, state and counts as JSON.
    """
    from fanal.deconfliction.operations.steps import make_offer

    round_id, body = make_offer(actor=_ACTOR, counterpart=counterpart_of(name), now=clock.now())
    write_whole(out, body)
    _print_round(round_id)


@deconflict.command("answer")
@_MESSAGE
@_OUT
@with_django(DatabaseRole.WORKER, seals=True)
def answer(message: Path, out: Path) -> None:
    """Answer the offer MESSAGE of a counterpart: write our message to OUT, to be handed back.

    Prints the round's id, state and counts as JSON.
    """
    from fanal.deconfliction.operations import steps
    from fanal.deconfliction.operations.receiving import receive

    round_id = receive(actor=_ACTOR, body=_read(message), now=clock.now())
    steps.answer(actor=_ACTOR, round_id=round_id, now=clock.now())
    body = steps.hand_out(round_id=round_id, now=clock.now())
    write_whole(out, body)
    _print_round(round_id)


@deconflict.command("conclude")
@_MESSAGE
@_OUT
@with_django(DatabaseRole.WORKER, seals=True)
def conclude(message: Path, out: Path) -> None:
    """Conclude the comparison of which MESSAGE is the counterpart's answer: store our matches.

    Writes the conclusion to OUT, to be handed to the counterpart. Prints the round's id, state and counts as
    JSON.
    """
    from fanal.deconfliction.operations import steps
    from fanal.deconfliction.operations.receiving import receive

    round_id = receive(actor=_ACTOR, body=_read(message), now=clock.now())
    body = steps.conclude(actor=_ACTOR, round_id=round_id, now=clock.now())
    write_whole(out, body)
    steps.note_delivered(actor=_ACTOR, round_id=round_id, now=clock.now())
    _print_round(round_id)


@deconflict.command("take")
@_MESSAGE
@with_django(DatabaseRole.WORKER, seals=True)
def take(message: Path) -> None:
    """Accept the conclusion MESSAGE of a counterpart, the last of a comparison, and store our matches.

    Prints the round's id, state and counts as JSON.
    """
    from fanal.deconfliction.operations.receiving import receive
    from fanal.deconfliction.operations.steps import take_conclusion

    round_id = receive(actor=_ACTOR, body=_read(message), now=clock.now())
    take_conclusion(actor=_ACTOR, round_id=round_id, now=clock.now())
    _print_round(round_id)


@deconflict.command("run")
@click.argument("name")
@with_django(DatabaseRole.WORKER, seals=True)
def run(name: str) -> None:
    """Compare identifiers with the counterpart NAME over its service, as far as it answers.

    A later call continues the same round. Prints the round's id, state and counts as JSON.
    """
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
    """List the newest comparisons (rounds) with counterpart, our role, state and number of matches."""
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
    """List the matches: identifiers that another organisation also holds, without the identifiers.

    A line has the counterpart (that organisation), the state and the number of our reports.
    """
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
    """Return the content of a message file, at most one byte more than the size limit.

    The check of the limit thus refuses a longer file without reading it all.
    """
    from fanal.deconfliction.domain.message import MAX_BYTES

    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)
