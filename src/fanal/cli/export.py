"""`fanal export FORMAT …`: writes what partners read; each report written is a ledger communication."""

import re
import sys
from pathlib import Path

import click

from fanal.cli.boot import with_django
from fanal.cli.failures import tell
from fanal.kernel import clock
from fanal.postgres import DatabaseRole

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


@click.group()
def export() -> None:
    """Write reports in the formats that partners read."""


@export.command("ncmec-xml")
@click.argument("references", metavar="REF...", nargs=-1, required=True)
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path))
@click.option("--as", "as_user", metavar="USER", help="In whose name it is written.")
@click.option("--motive", default="", metavar="TEXT", help="Why whoever reported is opened.")
@with_django(DatabaseRole.APP)
def ncmec_xml(references: tuple[str, ...], out: Path, as_user: str | None, motive: str) -> None:
    """Write DIR/REF/report.xml and a file-N.xml for each file, valid against our schema.

    A provider's own XML comes back complete. Whom it names as its reporter is opened by a named act
    (the motive says why) where USER may open identities; otherwise the desk stands there instead.
    """
    from fanal.cli.export_ncmec import write_folder
    from fanal.cli.readers import reader
    from fanal.cli.resolve import resolve
    from fanal.ledger import operations as ledger

    actor, now = reader(as_user, motive="fanal export ncmec-xml"), clock.now()
    found = [(reference, resolve(actor, reference)) for reference in references]
    ids = [report_id for _, several in found for report_id in several]
    if ids:
        ledger.record_batch(
            actor=actor, action="report.export", at=now, kind="report",
            items=[(report_id, b"") for report_id in ids], detail={"format": "ncmec-xml"},
        )  # fmt: skip
    missing = [reference for reference, several in found if not several]
    taken: dict[str, str] = {}
    for reference, several in found:
        for number, report_id in enumerate(several):
            name = _folder(reference, taken) + (f"-{number + 1}" if number else "")
            if not write_folder(report_id, out / name, actor=actor, motive=motive, now=now):
                missing.append(reference)
    for reference in missing:
        tell("NO_HARMONISED", reference=reference)
    if missing:
        sys.exit(2)


def _folder(reference: str, taken: dict[str, str]) -> str:
    """Return a folder's name for a reference: inside DIR whatever a partner called it, and no other's."""
    name = _UNSAFE.sub("_", reference)
    if not name.strip("."):
        name = "_" + name
    while taken.setdefault(name, reference) != reference:
        name += "_"
    return name
