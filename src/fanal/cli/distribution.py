"""`fanal distribution`: reports for the desks of other countries or regions, in encrypted packages.

Its commands manage recipients and their keys, send and open packages, and record acknowledgements. `code` is
a desk's code, `public` a public key of 64 hexadecimal digits, `fingerprint` its forty digits, `out` the
folder for the result.
"""

import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from uuid import UUID

import click
import msgspec

from fanal.cli.boot import with_django
from fanal.cli.failures import CommandRefused
from fanal.cli.output import Row, make_folders, print_rows, write_whole
from fanal.config.environment import read_environment
from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.kernel.calendar import read_instant
from fanal.kernel.refusal import Refusal
from fanal.postgres import DatabaseRole

# `fanal distribution sender`, `key`, `taken`: signing keys of this and other desks; packages received.

_ACTOR = system_actor("fanal distribution")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
_KEY = click.option("--key", "public", required=True, help="Public key, 64 hexadecimal digits.")
_OUT = click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the result (DIR).",
)
_FINGERPRINT = click.option(
    "--fingerprint",
    required=True,
    help="Fingerprint of forty digits, read out by the people of that desk.",
)


@click.command("key")
@click.option("--rotate", is_flag=True, help="Create a new key first; the previous one is erased.")
@with_django(DatabaseRole.WORKER, seals=True)
def key(rotate: bool) -> None:
    """Print the public key that signs our packages, and its fingerprint; create the key if it is missing.

    The key is that of `fanal deconflict key`. After --rotate, other desks and counterparts must register it.
    """
    from fanal.deconfliction import queries
    from fanal.deconfliction.operations.identity import ensure_identity, rotate_identity
    from fanal.distribution.domain.proof import fingerprint

    now = clock.now()
    if rotate:
        rotate_identity(actor=_ACTOR, now=now)
    else:
        ensure_identity(actor=_ACTOR, now=now)
    public, since = queries.own_keys()[0]
    line = {"key": public.hex(), "fingerprint": fingerprint(public), "since": since.isoformat()}
    click.echo(json.dumps(line))


@click.group("sender")
def sender() -> None:
    """Register, rotate and revoke the signing keys of other desks."""


@sender.command("add")
@click.argument("code")
@_KEY
@_FINGERPRINT
@with_django(DatabaseRole.WORKER)
def add_sender(code: str, public: str, fingerprint: str) -> None:
    """Register the key with which the desk CODE signs; CODE is the same as for sending to that desk."""
    from fanal.distribution.operations import recipients as operations

    operations.add_sender(
        actor=_ACTOR, code=code, key=_key_of(public), told=fingerprint, now=clock.now()
    )


@sender.command("rotate")
@click.argument("code")
@_KEY
@_FINGERPRINT
@click.option(
    "--since",
    required=True,
    help="Start of the new key, as printed at that desk.",
)
@with_django(DatabaseRole.WORKER)
def rotate(code: str, public: str, fingerprint: str, since: str) -> None:
    """Replace the key with which the desk CODE signs its packages and acknowledgements.

    Signatures dated before --since are still verified with the previous key.
    """
    from fanal.distribution.operations.recipients import rotate_sender

    rotate_sender(
        actor=_ACTOR,
        code=code,
        key=_key_of(public),
        told=fingerprint,
        since=_instant_of(since),
        now=clock.now(),
    )


@sender.command("revoke")
@click.argument("code")
@_FINGERPRINT
@with_django(DatabaseRole.WORKER)
def revoke(code: str, fingerprint: str) -> None:
    """Revoke a compromised signing key of the desk CODE; all its signatures are refused, earlier ones too."""
    from fanal.distribution.operations.recipients import revoke_sender

    revoke_sender(actor=_ACTOR, code=code, told=fingerprint, now=clock.now())


@sender.command("list")
@_JSON
@with_django(DatabaseRole.WORKER)
def list_(as_json: bool) -> None:
    """List the signing keys of other desks with their fingerprints and periods of validity."""
    from fanal.distribution import queries
    from fanal.distribution.domain.proof import fingerprint

    for found in queries.list_senders(actor=_ACTOR):
        line = {
            "code": found.code,
            "key": found.public_key.hex(),
            "fingerprint": fingerprint(found.public_key),
            "since": _written(found.since),
            "until": _written(found.until),
            "revoked_at": _written(found.revoked_at),
        }
        span = f"{line['since'] or '…'} – {line['until'] or '…'}"
        text = f"{found.code:20}{line['fingerprint']}  {span}  {line['revoked_at'] or ''}"
        click.echo(json.dumps(line) if as_json else text.rstrip())


@click.command("taken")
@_JSON
@with_django(DatabaseRole.WORKER)
def taken(as_json: bool) -> None:
    """List the packages of other desks opened here, newest first, with the desk that signed each."""
    from fanal.distribution import queries

    def rows() -> Iterator[Row]:
        last = None
        while page := queries.list_taken(actor=_ACTOR, before=last):
            for found in page:
                line = {
                    "package": str(found.package),
                    "sender": found.sender or None,
                    "fingerprint": found.fingerprint or None,
                    "made_at": found.made_at.isoformat(),
                    "taken_at": found.taken_at.isoformat(),
                    "reports": found.reports,
                }
                text = f"{found.package}  {found.sender or '–':20}{found.reports:>6}"
                yield line, f"{text}  {line['taken_at']}"
            last = (page[-1].package, page[-1].sender)

    print_rows(rows(), as_json=as_json)


def _written(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()


def _key_of(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise CommandRefused("SENDER_KEY") from None


def _instant_of(text: str) -> datetime:
    """Return the aware datetime in a text, as `distribution key` prints it.

    Raises:
        CommandRefused: SENDER_SINCE: another text, or one without time zone.
    """
    found = read_instant(text)
    if found is None or found.tzinfo is None:
        raise CommandRefused("SENDER_SINCE")
    return found


# Recipients and packages.


@click.group()
def distribution() -> None:
    """Send reports to the desks that they concern, in encrypted packages; open packages of other desks."""


distribution.add_command(key)
distribution.add_command(sender)
distribution.add_command(taken)


@distribution.command("recipients")
@_JSON
@with_django(DatabaseRole.WORKER)
def recipients(as_json: bool) -> None:
    """List the recipient desks and the number of reports waiting for each country or region."""
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
@click.option("--name", required=True, help="Name of the desk.")
@click.option("--country", required=True, help="ISO 3166-1 code of two letters.")
@click.option("--region", default="", help="Region in our own country, such as HDF.")
@click.option("--key", required=True, help="The desk's age recipient (age1…).")
@with_django(DatabaseRole.WORKER)
def add(code: str, name: str, country: str, region: str, key: str) -> None:
    """Register the desk CODE as a recipient of reports, with its encryption key.

    Sending requires a standing instruction signed after this registration.
    """
    from fanal.distribution.operations.recipients import add_recipient

    add_recipient(
        actor=_ACTOR, code=code, name=name, place=(country, region), key=key, now=clock.now()
    )


@distribution.command("close")
@click.argument("code")
@with_django(DatabaseRole.WORKER)
def close(code: str) -> None:
    """Close the recipient desk CODE: no more packages are sent to it."""
    from fanal.distribution.operations.recipients import close_recipient

    close_recipient(actor=_ACTOR, code=code, now=clock.now())


@distribution.command("send")
@_OUT
@with_django(DatabaseRole.WORKER, seals=True)
def send(out: Path) -> None:
    """Write all planned reports as signed, encrypted packages: DIR/CODE/PACKAGE.age for the desk CODE.

    Only under standing instructions in force. Prints one JSON object for each package or desk without one,
    with the reason.
    """
    from fanal.distribution.operations import sending

    name = read_environment(os.environ).mail_from

    def deliver(code: str, package: UUID, sealed: bytes) -> None:
        folder = out / code
        make_folders(folder)
        write_whole(folder / f"{package}.age", sealed)

    for sent in sending.send(actor=_ACTOR, sender=name, deliver=deliver, clock=clock.now):
        click.echo(msgspec.json.encode(sent).decode())


@distribution.command("packages")
@_JSON
@with_django(DatabaseRole.WORKER)
def packages(as_json: bool) -> None:
    """List the packages of reports sent to other desks, newest first, with their state.

    The state is SENT, OVERDUE or ACKNOWLEDGED.
    """
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
    "--key", required=True, help="File of the age identity for which it is sealed.",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)  # fmt: skip
@_OUT
@click.option(
    "--unproven", is_flag=True,
    help="Open it without a valid signature of its sender; recorded in the ledger.",
)  # fmt: skip
@click.option("--again", is_flag=True, help="Open a package that was already opened.")
@with_django(DatabaseRole.WORKER, seals=True)
def open_(package: Path, key: Path, out: Path, unproven: bool, again: bool) -> None:
    """Open another desk's package into DIR: PACKAGE.jsonl for `fanal import jsonl`, and the acknowledgement.

    It must be signed by a key registered with `distribution sender`, for the key it is opened with. It can be
    opened once.
    """
    from fanal.distribution.operations.taking import Opened, take

    def keep(opened: Opened) -> None:
        make_folders(out)
        lines = out / f"{opened.manifest.package}.jsonl"
        if lines.exists() and lines.read_bytes() != opened.body:
            raise CommandRefused("PACKAGE_IN_THE_WAY", path=lines)
        write_whole(lines, opened.body)
        answer = msgspec.json.encode(opened.answer) + b"\n"
        write_whole(out / f"{opened.manifest.package}.ack.json", answer)

    try:
        opened = take(
            actor=_ACTOR,
            sealed=_read(package),
            identity=_identity(key),
            keep=keep,
            now=clock.now(),
            unproven=unproven,
            again=again,
        )
    except Refusal as refused:
        refused.parameters["path"] = str(package)
        raise
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
    "--unproven",
    is_flag=True,
    help="Accept it without the signature of a registered desk.",
)
@with_django(DatabaseRole.WORKER)
def acknowledge(answer: Path, unproven: bool) -> None:
    """Record the acknowledgement ANSWER (PACKAGE.ack.json) of a desk that opened our package."""
    from fanal.distribution.domain.package import PackageAcknowledgement
    from fanal.distribution.operations import sending

    try:
        read = msgspec.json.decode(answer.read_bytes(), type=PackageAcknowledgement)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise CommandRefused("ANSWER_REFUSED", path=answer, detail=error) from None
    try:
        count = sending.acknowledge(actor=_ACTOR, answer=read, now=clock.now(), unproven=unproven)
    except Refusal as refused:
        refused.parameters["path"] = str(answer)
        raise
    click.echo(json.dumps({"package": str(read.package), "reports": count}))


def _read(path: Path) -> bytes:
    """Return the content of a package file, at most one byte more than the size limit.

    The check of the limit thus refuses a longer file without reading it all.
    """
    from fanal.distribution.domain.package import MAXIMUM_BYTES

    with path.open("rb") as stream:
        return stream.read(MAXIMUM_BYTES + 1)


def _identity(path: Path) -> str:
    """Return the secret key of an age identity file, its first line that is no comment (#); "" if none."""
    text = path.read_text("utf-8", errors="replace")
    return next((line for line in text.splitlines() if line and not line.startswith("#")), "")


def _plain(record: object) -> dict[str, object]:
    found: dict[str, object] = msgspec.to_builtins(record)
    return found
