"""`fanal ledger`: verifies the append-only audit log (ledger), signs checkpoints of it, exports it."""

import base64
import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from fanal.cli.boot import with_django
from fanal.cli.failures import tell
from fanal.cli.output import private
from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.postgres import DatabaseRole


@click.group()
def ledger() -> None:
    """Verify, sign and export the ledger, the append-only audit log."""


@ledger.command()
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print one JSON object a line: each problem, then a summary.",
)
@click.option(
    "--checkpoints",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="External checkpoint file to compare with; may be repeated.",
)
@with_django(DatabaseRole.AUDITOR)
def verify(as_json: bool, checkpoints: tuple[Path, ...]) -> None:
    """Verify each entry of the ledger, its hash tree and its signed checkpoints.

    Prints each fault and a summary. Exit status 1 if there is a fault.
    """
    from fanal.ledger.verification import verify_ledger

    found = verify_ledger(now=clock.now(), outside=checkpoints)
    for problem in found.problems:
        facts = {k: v for k, v in asdict(problem).items() if v is not None}
        if as_json:
            click.echo(json.dumps(facts, default=str))
        else:
            click.echo(_sentence(facts))
    summary = {
        "size": found.size,
        "root": base64.b64encode(found.root).decode(),
        "checkpoints": found.checkpoints,
        "compared": found.compared,
        "problems": len(found.problems),
        "whole": not found.problems,
        "writers": dict(sorted(found.writers.items())),
    }
    if as_json:
        click.echo(json.dumps(summary))
    else:
        state = "whole" if not found.problems else f"NOT whole: {len(found.problems)} problems"
        for writer, count in sorted(found.writers.items()):
            click.echo(f"{count} entries written by {writer or 'a role that was not kept yet'}")
        copies = f", {found.compared} of them from copies" if checkpoints else ""
        click.echo(f"{found.size} entries, {found.checkpoints} checkpoints{copies}: {state}")
    if found.problems:
        sys.exit(1)


@ledger.command()
@with_django(DatabaseRole.WORKER)
def checkpoint() -> None:
    """Assign numbers to pending entries of the ledger, sign a checkpoint of it, and print the newest one."""
    from fanal.ledger import operations, queries, signer

    while operations.sequence_pending(now=clock.now()):
        pass
    signed = operations.sign_checkpoint(now=clock.now())
    if signed is None:
        known = queries.list_checkpoints(keys=signer.current().known_keys)
        if not known:
            tell("LOG_EMPTY")
            return
        signed = known[-1]
    click.echo(signed.note, nl=False)


@ledger.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@with_django(DatabaseRole.WORKER)
def export(file: Path) -> None:
    """Write each numbered ledger entry to FILE as JSON lines, for an external verifier.

    The entries hold ids, codes and keyed digests, no values.
    """
    from fanal.ledger import operations, queries
    from fanal.ledger.domain.canonical import microseconds

    now, actor = clock.now(), system_actor("export for verification")
    operations.record(actor=actor, action="ledger.export", at=now)
    with open(file, "w", encoding="utf-8", opener=private) as lines:
        for seq, db_at, writer, body in queries.walk_leaves(actor=actor):
            line = {
                "seq": seq,
                "db_at": microseconds(db_at),
                "writer": writer,
                "body": body.decode(),
            }
            lines.write(json.dumps(line, ensure_ascii=False) + "\n")


def _sentence(facts: dict[str, object]) -> str:
    place = f" at {facts['seq']}" if "seq" in facts else ""
    until = f" to {facts['seq_to']}" if "seq_to" in facts else ""
    entry = f" (entry {facts['entry_id']})" if "entry_id" in facts else ""
    return f"{facts['code']}{place}{until}: {facts['field']}{entry}"
