"""`fanal distribution sender`, `key`, `taken`: signing keys of this and other desks; packages received."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import click

from fanal.cli.boot import with_django
from fanal.cli.deconflict_counterparts import told as told_of_identity
from fanal.cli.failures import CommandRefused
from fanal.cli.printing import Row, print_rows
from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.kernel.calendar import read_instant
from fanal.postgres import DatabaseRole

_ACTOR = system_actor("fanal distribution")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
_KEY = click.option("--key", "public", required=True, help="Its public key, 64 hexadecimal digits.")
_FINGERPRINT = click.option(
    "--fingerprint",
    required=True,
    help="Its fingerprint, forty figures, as its people read it out to you.",
)


@click.command("key")
@click.option("--rotate", is_flag=True, help="Make a new key first; the one before is erased.")
@with_django(DatabaseRole.WORKER, seals=True)
def key(rotate: bool) -> None:
    """Print the public key that signs our packages and answers, and its fingerprint; made when there is none.

    It is the key of `fanal deconflict key`. After --rotate other desks and counterparts must register it.
    """
    from fanal.deconfliction import operations, queries
    from fanal.distribution.domain.proof import fingerprint

    now = clock.now()
    with told_of_identity():
        if rotate:
            operations.rotate_identity(actor=_ACTOR, now=now)
        else:
            operations.ensure_identity(actor=_ACTOR, now=now)
    public, since = queries.own_keys()[0]
    line = {"key": public.hex(), "fingerprint": fingerprint(public), "since": since.isoformat()}
    click.echo(json.dumps(line))


@click.group("sender")
def sender() -> None:
    """Keep the keys of the desks that packages and answers come from."""


@sender.command("add")
@click.argument("code")
@_KEY
@_FINGERPRINT
@with_django(DatabaseRole.WORKER)
def add(code: str, public: str, fingerprint: str) -> None:
    """Register the key that the desk CODE signs with; the same CODE as where reports go to it."""
    from fanal.distribution import operations

    with _told():
        operations.add_sender(
            actor=_ACTOR, code=code, key=_key_of(public), told=fingerprint, now=clock.now()
        )


@sender.command("rotate")
@click.argument("code")
@_KEY
@_FINGERPRINT
@click.option("--since", required=True, help="Since when it signs with it, as its command printed.")
@with_django(DatabaseRole.WORKER)
def rotate(code: str, public: str, fingerprint: str, since: str) -> None:
    """Register another key of the desk CODE; what it signed before --since keeps the key before."""
    from fanal.distribution import operations

    with _told():
        operations.rotate_sender(
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
    """Revoke a key of the desk CODE that may be stolen: what it signed proves nothing, whenever it was."""
    from fanal.distribution import operations

    with _told():
        operations.revoke_sender(actor=_ACTOR, code=code, told=fingerprint, now=clock.now())


@sender.command("list")
@_JSON
@with_django(DatabaseRole.WORKER)
def list_(as_json: bool) -> None:
    """List the keys of every desk that signs, with their fingerprints and from when to when they count."""
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
    """List every package of other desks that was opened here, the newest first, and whose key proves it."""
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


@contextmanager
def _told() -> Iterator[None]:
    from fanal.distribution.operations import SenderRefused

    try:
        yield
    except SenderRefused as refused:
        raise CommandRefused(f"SENDER_{refused}") from None
