"""`fanal export FORMAT …`: writes what partners read; each report written is a ledger communication."""

import os
import re
import sys
from pathlib import Path
from uuid import UUID

import click

from fanal.cli.boot import with_django
from fanal.cli.failures import tell
from fanal.config.environment import read_environment
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
@with_django(DatabaseRole.APP)
def ncmec_xml(references: tuple[str, ...], out: Path, as_user: str | None) -> None:
    """Write DIR/REF/report.xml and a file-N.xml for each file, valid against our schema."""
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
            if not _write(report_id, out / name, actor=actor):
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


def _write(report_id: UUID, folder: Path, *, actor: object) -> bool:
    from fanal.formats.ncmec.outgoing import Outgoing
    from fanal.formats.ncmec.write import write_report
    from fanal.formats.ncmec.write_file import write_file_details
    from fanal.harmonise import queries as harmonised
    from fanal.harmonise.domain.outgoing import as_report
    from fanal.intake import queries as intake
    from fanal.kernel.actors import Actor

    if not isinstance(actor, Actor):
        raise TypeError("an actor")
    record = harmonised.get_records(actor=actor, report_ids=[report_id]).get(report_id)
    facts = intake.get_reports(actor=actor, report_ids=[report_id]).get(report_id)
    if record is None or facts is None:
        return False
    sent = Outgoing(
        report=as_report(record),
        received_at=facts.received_at.isoformat(),
        desk_name="Fanal",
        desk_email=read_environment(os.environ).mail_from,
        annotations=record.annotations,
        escalation_reason=record.escalation_reason,
        extra=[(extra.path, extra.value) for extra in record.extra],
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.xml").write_bytes(write_report(sent))
    for index in range(len(record.files)):
        details = write_file_details(
            sent, index, report_id=facts.wire_id or 0, file_id=f"{index + 1:032x}"
        )
        (folder / f"file-{index + 1}.xml").write_bytes(details)
    return True
