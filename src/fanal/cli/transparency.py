"""`fanal transparency`: writes, verifies and opens the public log of commitments to measures and lists."""

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import click
import msgspec

from fanal.cli.actors import exporter_option, reader
from fanal.cli.boot import find_home, with_django
from fanal.cli.failures import CommandRefused, Failed
from fanal.kernel import clock
from fanal.postgres import DatabaseRole

if TYPE_CHECKING:
    from fanal.ledger.domain.checkpoint import NoteKey
    from fanal.measures.transparency.log import LogKeys

folder_option = click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder of the log (default: transparency/ in the data folder).",
)


@click.group()
def transparency() -> None:
    """Write, verify and open the public log of blinded commitments to measures and blocking lists."""


def log_keys(home: Path) -> "LogKeys":
    """Return the keys of the transparency log of the data folder `home`, made at the first call.

    Raises:
        KeysMissing: a key file is missing or malformed.
    """
    from fanal.config.environment import read_environment
    from fanal.config.transparency import ensure_log_keys, origin_of

    return ensure_log_keys(home, origin=origin_of(read_environment(os.environ)))


@transparency.command()
@folder_option
@with_django(DatabaseRole.WORKER)
def publish(out: Path | None) -> None:
    """Bring the public log up to date, have the witnesses cosign it if there are any; print its checkpoint.

    The settings of the witnesses are `witness.toml` in the data folder. Exit status 1 if one did not cosign;
    the log is published all the same. The worker does the same each minute.
    """
    from fanal.config.transparency import FOLDER
    from fanal.connectors.witness import cosign_checkpoint
    from fanal.measures.transparency.cosigned import WitnessSilent
    from fanal.measures.transparency.log import bring_up_to_date
    from fanal.measures.transparency.tiles import CHECKPOINT, LogRefused

    home = find_home()
    place = out or home / FOLDER
    try:
        keys = log_keys(home)
        bring_up_to_date(place, keys=keys)
        cosign_checkpoint(home, place, keys=keys.known)
    except LogRefused as error:
        raise Failed("LOG_REFUSED", path=place, detail=error) from None
    except WitnessSilent as error:
        raise Failed("WITNESS_SILENT", detail=error) from None
    click.echo((place / CHECKPOINT).read_text(encoding="utf-8"), nl=False)


@transparency.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--key", "keys", multiple=True, help="Public key, NAME+HASH+BASE64; default: our own."
)
@click.option(
    "--witness", "witnesses", multiple=True, help="Public key of a witness that must have cosigned."
)
@click.option(
    "--earlier",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Checkpoint of the log kept from before; may be repeated.",
)
@click.option(
    "--opening",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File of openings, one JSON object a line: each must be in the log.",
)
@click.option(
    "--list",
    "list_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="blocking.json as a provider loads it: one of the openings must be of it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def verify(
    folder: Path,
    keys: tuple[str, ...],
    witnesses: tuple[str, ...],
    earlier: tuple[Path, ...],
    opening: Path | None,
    list_file: Path | None,
    as_json: bool,
) -> None:
    """Verify the log in FOLDER from its files alone: signature, tiles, root, and what is opened to you.

    Needs no database. Exit status 1 if something is wrong.
    """
    from fanal.measures.transparency.cosignature import CosignatureRefused, WitnessKey, cosigned_at
    from fanal.measures.transparency.tiles import LogRefused, verify_log

    try:
        cosigners = [WitnessKey.decode(text) for text in witnesses]
    except CosignatureRefused as error:
        raise CommandRefused("VALUE_REFUSED", detail=error) from None
    try:
        notes = [path.read_text(encoding="utf-8") for path in earlier]
        signed, commitments = verify_log(folder, keys=_trusted(keys), earlier=notes)
        opened = _opened(opening, list_file, commitments)
        for one in cosigners:
            cosigned_at(signed.note, key=one)
    except (LogRefused, CosignatureRefused, OSError, UnicodeDecodeError) as error:
        raise Failed("LOG_REFUSED", path=folder, detail=error) from None
    line = {"origin": signed.origin, "size": signed.size, "root": signed.root.hex()}
    line |= {"earlier": len(notes), "opened": opened}
    words = "{size} commitments, {earlier} earlier checkpoints, {opened} openings: whole"
    click.echo(json.dumps(line) if as_json else words.format(**line))


@transparency.command("open")
@click.argument("measure", type=click.UUID)
@exporter_option
@with_django(DatabaseRole.APP)
def open_(measure: UUID, as_user: str | None) -> None:
    """Print the openings of the commitments to the steps of MEASURE (its id), one JSON object a line.

    With such a line anybody can prove that the log contains that step. Nothing is printed once the text of
    the measure has expired. The ledger records that the measure was read.
    """
    from fanal.measures.transparency.log import openings_of_act

    actor = reader(as_user, motive="fanal transparency open", action="measure.read")
    for one in openings_of_act(actor=actor, act_id=measure, now=clock.now()):
        click.echo(msgspec.json.encode(one).decode())


def _trusted(keys: tuple[str, ...]) -> "tuple[NoteKey, ...]":
    from fanal.config.transparency import log_verifiers
    from fanal.ledger.domain.checkpoint import CheckpointRefused, NoteKey

    try:
        return tuple(map(NoteKey.decode, keys)) or log_verifiers(find_home())
    except CheckpointRefused as error:
        raise CommandRefused("VALUE_REFUSED", detail=error) from None


def _opened(opening: Path | None, list_file: Path | None, commitments: list[bytes]) -> int:
    """Check the openings of a file against the log, and that one is of the list; return their number.

    Raises:
        LogRefused: one is not in the log, or none is of the list.
    """
    from fanal.measures.transparency.log import Opening, check_opening
    from fanal.measures.transparency.tiles import LogRefused

    lines = opening.read_bytes().splitlines() if opening else []
    try:
        found = [msgspec.json.decode(line, type=Opening) for line in lines if line]
    except msgspec.MsgspecError as error:
        raise LogRefused(f"no openings: {error}") from None
    statements = [check_opening(one, commitments) for one in found]
    if list_file is not None:
        digest = hashlib.sha256(list_file.read_bytes()).hexdigest()
        if not any(one["kind"] == "list" and one.get("sha256") == digest for one in statements):
            raise LogRefused(f"no opening is of {list_file}")
    return len(found)
