"""`fanal witness`: the overseer's witness of the transparency log. It needs no database and no desk."""

import os
import re
import signal
import sys
from pathlib import Path

import click

from fanal.cli.failures import CommandRefused, Failed
from fanal.kernel import clock

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9./_-]{0,99}")


@click.group()
def witness() -> None:
    """Cosign the checkpoints of a transparency log, at the overseer."""


@witness.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--name", required=True, help="Name of the witness, such as witness.overseer.example."
)
@click.option(
    "--log", "logs", multiple=True, required=True, help="Public key of a log; may be repeated."
)
@click.option("--host", default="127.0.0.1", help="Address to listen on.")
@click.option("--port", default=8411, type=click.IntRange(0, 65535), help="Port to listen on.")
def run(folder: Path, name: str, logs: tuple[str, ...], host: str, port: int) -> None:
    """Answer requests to cosign checkpoints (C2SP tlog-witness), with key and state in FOLDER.

    The first start makes the key and prints the public one, which the desk configures. Only a checkpoint that
    continues the newest one cosigned is cosigned. If the state is lost, the witness does not start.
    """
    from fanal.ledger.domain.checkpoint import CheckpointRefused, NoteKey
    from fanal.measures.transparency.witness import Witness, WitnessRefused, serve

    if not _NAME.fullmatch(name):
        raise CommandRefused("VALUE_REFUSED", detail=name)
    try:
        keys = [NoteKey.decode(log) for log in logs]
        kept = Witness(folder, name=name, logs=keys)
    except CheckpointRefused as error:
        raise CommandRefused("VALUE_REFUSED", detail=error) from None
    except WitnessRefused as error:
        raise Failed("WITNESS_REFUSED", detail=error) from None
    click.echo(kept.public.encode())
    sys.stdout.flush()
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # every answer's state is on disk
    serve(kept, host=host, port=port, now=clock.now)
