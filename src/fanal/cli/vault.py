"""`fanal fsck`, `fanal keys`, `fanal receipt`: checks of sealed data, key files, and signed receipts."""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

import click

from fanal.cli.boot import django_as, find_home, held_keys, note_keys, with_django
from fanal.cli.failures import CommandRefused, Failed
from fanal.config.databases import Databases
from fanal.config.environment import read_environment
from fanal.config.installation import PURPOSES, replacing_keys
from fanal.config.keys import (
    VAULT_KEYS,
    KeysMissing,
    give_node_keys,
    make_vault_key,
    read_public_key,
)
from fanal.intake.domain.receipt import is_node_name
from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.postgres import DatabaseRole


@click.command()
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print one JSON object a line: findings, then a summary.",
)
@click.option("--repair", is_flag=True, help="Blank or remove bytes that no row references.")
@click.option("--quick", is_flag=True, help="Check the structure only; open no object.")
@click.option(
    "--grace",
    type=click.IntRange(0, 10**9),
    default=3600,
    show_default=True,
    help="Age in seconds from which unreferenced bytes are reported.",
)
@with_django(DatabaseRole.WORKER)
def fsck(*, as_json: bool, repair: bool, quick: bool, grace: int) -> None:
    """Verify that database rows and sealed (encrypted) objects match. Exit status 1 if there is a fault."""
    from datetime import timedelta

    from fanal.ledger import operations as ledger
    from fanal.vault.fsck import check_vault

    now, actor = clock.now(), system_actor("fsck")
    outcome = check_vault(
        actor=actor, now=now, grace=timedelta(seconds=grace), quick=quick, repair=repair
    )
    mended = sum(finding.mended for finding in outcome.findings)
    if mended:
        ledger.record(actor=actor, action="vault.repair", at=now, detail={"mended": mended})
    for finding in outcome.findings:
        facts = {k: v for k, v in asdict(finding).items() if v is not None}
        if as_json:
            click.echo(json.dumps(facts, default=str))
        else:
            done = ", mended" if finding.mended else ""
            click.echo(f"{finding.code}: {finding.place}{done}")
    summary = {
        "objects": outcome.objects,
        "opened": outcome.opened,
        "erased": outcome.erased,
        "findings": len(outcome.findings),
        "clean": outcome.clean,
    }
    if as_json:
        click.echo(json.dumps(summary))
    else:
        state = "clean" if outcome.clean else "NOT clean"
        click.echo(f"{outcome.objects} objects, {outcome.opened} opened: {state}")
    if not outcome.clean:
        sys.exit(1)


@click.group()
def receipt() -> None:
    """Verify signed receipts of reports, without database or network."""


@receipt.command("verify")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--key",
    "key_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="Public key of the root (keys/receipt-root.pub of the desk, in PEM).",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def receipt_verify(file: Path, key_file: Path, as_json: bool) -> None:
    """Verify a signed receipt of a report (FILE) against the desk's public key.

    Needs no database and no network. Prints when and by which node the report was received.
    """
    from fanal.intake.domain.receipt import ReceiptRefused, verify_receipt

    try:
        root = read_public_key(key_file.read_text(errors="replace"))
    except KeysMissing as error:
        raise CommandRefused("KEY_MISSING", detail=error) from None
    try:
        found = verify_receipt(file.read_text(errors="replace"), root=root)
    except ReceiptRefused as error:
        raise Failed("RECEIPT_REFUSED", detail=error) from None
    facts = {
        "valid": True,
        "received_at": found.received_at.isoformat(),
        "node": found.node,
        "report_digest": found.report_digest.hex(),
        "content_digest": found.content_digest.hex(),
    }
    if as_json:
        click.echo(json.dumps(facts))
    else:
        click.echo(f"valid: received {facts['received_at']} by {found.node}")


@click.group()
def keys() -> None:
    """Rotate and replace the key files in `FANAL_HOME/keys`, and write those of a public node."""


@keys.command()
@click.option("--only-rewrap", is_flag=True, help="Resume an interrupted rotation.")
def rotate(only_rewrap: bool) -> None:
    """Create new vault keys and rewrap each object's key (envelope encryption); can be resumed.

    Running processes seal with the old keys until they restart; a later call with `--only-rewrap` rewraps
    those objects. Copy the new key files to every other node before it restarts.
    """
    with django_as(DatabaseRole.WORKER) as databases:
        _rotate(databases, only_rewrap=only_rewrap)


def _rotate(databases: Databases, *, only_rewrap: bool) -> None:
    from fanal.config.wiring import wire_keys
    from fanal.ledger import operations as ledger
    from fanal.vault.operations.sealing import rewrap

    if read_environment(os.environ).public_node:
        raise CommandRefused("PUBLIC_NODE")
    home = find_home()
    if not only_rewrap:
        databases.url(DatabaseRole.OWNER)  # refuse before a key is created: the owner registers it
        for group in VAULT_KEYS:
            make_vault_key(home, group)
        note_keys(databases, home=home)
        wire_keys(home, public_node=False, vault=read_environment(os.environ).vault)
    actor = system_actor("key rotation")
    total, after = 0, None
    while True:
        wrapped, after = rewrap(actor=actor, after=after)
        total += wrapped
        if after is None:
            break
    ledger.record(actor=actor, action="keys.rotate", at=clock.now(), detail={"objects": total})
    click.echo(f"{total} objects wrapped for the present keys")


@keys.command()
@click.argument(
    "purposes", metavar="PURPOSE...", nargs=-1, required=True, type=click.Choice(PURPOSES)
)
def accept(purposes: tuple[str, ...]) -> None:
    """Register this folder's keys of each PURPOSE in the database, in place of lost ones.

    Only for a loss without a copy: data sealed or signed with the lost key keep needing that key. All lost
    keys are accepted at once, or none. The ledger records each.
    """
    if read_environment(os.environ).public_node:
        raise CommandRefused("PUBLIC_NODE")
    home = find_home()
    with django_as(DatabaseRole.WORKER, keys=False) as databases:
        from fanal.ledger import operations as ledger

        actor, owner = system_actor("key acceptance"), databases.url(DatabaseRole.OWNER)
        with replacing_keys(owner, held_keys(home), purposes, home=home):
            for purpose in purposes:
                ledger.record(
                    actor=actor, action="keys.accept", at=clock.now(), detail={"purpose": purpose}
                )
    for purpose in purposes:
        click.echo(f"the present keys of {purpose} are those of this database")


@keys.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--name", required=True, help="Name of the node in the receipts it signs.")
def node(folder: Path, name: str) -> None:
    """Write the key files of a new public node (a server that takes reports) to FOLDER.

    With them it can seal reports and sign receipts, never open sealed data.
    """
    if not is_node_name(name):
        raise CommandRefused("NODE_NAME", name=name)
    if folder.exists() and any(folder.iterdir()):
        raise CommandRefused("FOLDER_NOT_EMPTY", folder=folder)
    give_node_keys(find_home(), folder, now=clock.now(), node=name)
    click.echo(f"keys of {name} in {folder}: move them to its FANAL_HOME/keys")
