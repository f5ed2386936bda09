"""`fanal distribution`: reports for other desks: recipients, sealed packages, acknowledgements."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import click
import msgspec

from fanal.cli.boot import with_django
from fanal.cli.distribution_senders import key as own_key, sender, taken
from fanal.cli.failures import CommandRefused
from fanal.cli.printing import Row, print_rows
from fanal.config.environment import read_environment
from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.postgres import DatabaseRole

_ACTOR = system_actor("fanal distribution")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")


@click.group()
def distribution() -> None:
    """Send what belongs to other desks: planned by rules, sealed for each, acknowledged; take theirs."""


distribution.add_command(own_key)
distribution.add_command(sender)
distribution.add_command(taken)


@distribution.command("recipients")
@_JSON
@with_django(DatabaseRole.WORKER)
def recipients(as_json: bool) -> None:
    """List the desks that reports go to, and how many reports wait for each place."""
    from fanal.distribution import queries

    waiting = queries.planned(actor=_ACTOR)
    for found in queries.list_recipients(actor=_ACTOR):
        line = _plain(found) | {"planned": waiting.pop((found.country, found.region), 0)}
        text = f"{found.code:20}{found.country} {found.region:5}{line['planned']:>8}  {found.name}"
        click.echo(json.dumps(line) if as_json else text)
    for (country, region), count in waiting.items():
        line = {"code": None, "country": country, "region": region, "planned": count}
        click.echo(json.dumps(line) if as_json else f"{'–':20}{country} {region:5}{count:>8}")


@distribution.command("add")
@click.argument("code")
@click.option("--name", required=True, help="How people call the desk.")
@click.option("--country", required=True, help="ISO 3166-1 code of two letters.")
@click.option("--region", default="", help="Region of the own country, such as HDF.")
@click.option("--key", required=True, help="The desk's age recipient (age1…).")
@with_django(DatabaseRole.WORKER)
def add(code: str, name: str, country: str, region: str, key: str) -> None:
    """Register the desk CODE; it gets nothing before a standing instruction for it, signed after this."""
    from fanal.distribution import operations

    with _told():
        operations.add_recipient(
            actor=_ACTOR, code=code, name=name, place=(country, region), key=key, now=clock.now()
        )


@distribution.command("close")
@click.argument("code")
@with_django(DatabaseRole.WORKER)
def close(code: str) -> None:
    """Send nothing more to the desk CODE."""
    from fanal.distribution import operations

    with _told():
        operations.close_recipient(actor=_ACTOR, code=code, now=clock.now())


@distribution.command("send")
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path))
@with_django(DatabaseRole.WORKER, seals=True)
def send(out: Path) -> None:
    """Sign and seal what is planned for each desk into DIR/CODE/PACKAGE.age, under instructions in force."""
    from fanal.distribution import operations

    name = read_environment(os.environ).mail_from

    def deliver(code: str, package: UUID, sealed: bytes) -> None:
        folder = out / code
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(folder / f"{package}.age", sealed)

    for sent in operations.send(actor=_ACTOR, sender=name, deliver=deliver, clock=clock.now):
        click.echo(msgspec.json.encode(sent).decode())


@distribution.command("packages")
@_JSON
@with_django(DatabaseRole.WORKER)
def packages(as_json: bool) -> None:
    """List every package that left, the newest first: SENT, OVERDUE or ACKNOWLEDGED."""
    from fanal.distribution import queries

    def rows() -> Iterator[Row]:
        now, last = clock.now(), None
        while page := queries.list_packages(actor=_ACTOR, before=last):
            for found in page:
                state = found.state(now)
                text = f"{found.id}  {found.recipient:20}{found.reports:>6}  {state}"
                yield _plain(found) | {"state": state}, text
            last = page[-1].id

    print_rows(rows(), as_json=as_json)


@distribution.command("open")
@click.argument("package", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--key", required=True, help="File of the age identity that it is sealed to.",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)  # fmt: skip
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--unproven", is_flag=True,
    help="Open it though no signature in force proves who made it; the ledger says so.",
)  # fmt: skip
@click.option("--again", is_flag=True, help="Open the same package once more.")
@with_django(DatabaseRole.WORKER, seals=True)
def open_(package: Path, key: Path, out: Path, unproven: bool, again: bool) -> None:
    """Open a package of another desk: DIR/PACKAGE.jsonl for `fanal import jsonl`, and its answer.

    It must be signed by a key that `distribution sender` knows, for the key it is opened with, and is
    opened once.
    """
    from fanal.distribution import operations
    from fanal.distribution.domain.states import PackageRefused

    def keep(opened: operations.Opened) -> None:
        out.mkdir(parents=True, exist_ok=True, mode=0o700)
        lines = out / f"{opened.manifest.package}.jsonl"
        if lines.exists() and lines.read_bytes() != opened.body:
            raise CommandRefused("PACKAGE_IN_THE_WAY", path=lines)
        write_whole(lines, opened.body)
        answer = msgspec.json.encode(opened.answer) + b"\n"
        write_whole(out / f"{opened.manifest.package}.ack.json", answer)

    try:
        opened = operations.take(
            actor=_ACTOR,
            sealed=_read(package),
            identity=_identity(key),
            keep=keep,
            now=clock.now(),
            unproven=unproven,
            again=again,
        )
    except PackageRefused as refused:
        raise CommandRefused(
            f"PACKAGE_{refused.code}", path=package, **refused.parameters
        ) from None
    told = {
        "package": str(opened.manifest.package),
        "sender": opened.sender or None,
        "named": opened.manifest.sender,
        "reports": opened.manifest.reports,
    }
    click.echo(json.dumps(told, ensure_ascii=False))


@distribution.command("acknowledge")
@click.argument("answer", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--unproven", is_flag=True, help="Take it though a desk whose key is known did not sign it."
)
@with_django(DatabaseRole.WORKER)
def acknowledge(answer: Path, unproven: bool) -> None:
    """Note the ANSWER of a desk (PACKAGE.ack.json): it opened what we sent."""
    from fanal.distribution import operations
    from fanal.distribution.domain.package import PackageAcknowledgement

    try:
        read = msgspec.json.decode(answer.read_bytes(), type=PackageAcknowledgement)
    except msgspec.MsgspecError as error:
        raise CommandRefused("ANSWER_REFUSED", path=answer, detail=error) from None
    try:
        count = operations.acknowledge(
            actor=_ACTOR, answer=read, now=clock.now(), unproven=unproven
        )
    except operations.AcknowledgementRefused as refused:
        raise CommandRefused(f"ANSWER_{refused}", path=answer) from None
    click.echo(json.dumps({"package": str(read.package), "reports": count}))


def _read(path: Path) -> bytes:
    """Return a file's content, cut one byte above the size limit of a package, which then refuses it."""
    from fanal.distribution.domain.package import MAXIMUM_BYTES

    with path.open("rb") as stream:
        return stream.read(MAXIMUM_BYTES + 1)


def _identity(path: Path) -> str:
    """Return the secret key of an age identity file, its first line that is no comment (#); "" if none."""
    text = path.read_text("utf-8", errors="replace")
    return next((line for line in text.splitlines() if line and not line.startswith("#")), "")


def write_whole(path: Path, body: bytes) -> None:
    """Write a file atomically and durably, with mode 0600."""
    partial = path.with_name(path.name + ".partial")
    # Always a new file: never written through an existing link.
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)


def _plain(record: object) -> dict[str, object]:
    found: dict[str, object] = msgspec.to_builtins(record)
    return found


@contextmanager
def _told() -> Iterator[None]:
    from fanal.distribution.operations import RecipientRefused

    try:
        yield
    except RecipientRefused as refused:
        raise CommandRefused(f"RECIPIENT_{refused}") from None
