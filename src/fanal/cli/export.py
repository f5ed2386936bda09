"""`fanal export FORMAT …`: writes reports, indicators and lists in partners' formats.

The ledger (audit log) records each export. The list of blocked names is written with its signed manifest.
Common arguments: REF is a report's id, number or sender's reference, `--out` the folder to write, `--as` and
`--code` login and one-time code of the person who exports.
"""

import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import click

from fanal.cli.actors import code_option, exporter_option, proven
from fanal.cli.boot import find_home, with_django
from fanal.cli.documents import require_in_force, trial
from fanal.cli.export_indicators import csv_hashes, misp, stix, vics
from fanal.cli.failures import tell
from fanal.cli.output import folder_option, make_private, place_of, write_whole
from fanal.kernel import clock
from fanal.kernel.actors import Actor
from fanal.postgres import DatabaseRole

if TYPE_CHECKING:
    from fanal.measures.blocking.blocklist import BlockList

_HELP = {
    "rpz": "Write DIR/rpz.fanal.zone, the blocking list as a response policy zone, and its signed manifest.",
    "csv": "Write DIR/blocking.csv, the blocking list as CSV, and its signed manifest.",
    "json": "Write DIR/blocking.json, the blocking list as JSON, and its signed manifest.",
}


def write_list(form: str, *, out: Path, as_user: str | None, code: str | None) -> None:
    """Write the list of the names blocked now into the folder `out`, in the format `form`, with its manifest.

    The manifest is the file with `.manifest.json` appended to its name. The list is written first: a manifest
    never names a file that is not there. `as_user` is the login of the person who exports, `code` their
    one-time code. Where lists are published, the names of a large change that is held back are left out, with
    a line on standard error. Where witnesses must cosign, a list without what they have not seen is written
    at once, and replaced once they have cosigned.

    Raises:
        CommandRefused: nobody, or nobody with the right, is named outside a demo.
        SignerMissing: this installation holds no key that signs.
        OSError: the folder cannot be written.
        ListWrong: a blocked name covers the stop page, or no serial is later than all.
    """
    from fanal.cli.blocklist_gate import GateKept, tell_waits
    from fanal.ledger import signer
    from fanal.measures.blocking.publication.exports import export_list

    actor = proven(as_user, code=code, motive=f"fanal export {form}", action="export.write")
    if signer.current().signing_key is None:
        raise signer.SignerMissing("this process may not sign")
    gate = GateKept(find_home()).read()
    made = export_list(actor=actor, gate=gate, now=clock.now())
    _write_list(made.block, form, out)
    if made.held:
        tell("BLOCKLIST_LARGE", count=made.held, change=made.change)
    if gate is not None and made.waits:
        gate.wait()
        made = export_list(actor=actor, gate=gate, now=clock.now())
        _write_list(made.block, form, out)
        tell_waits(made.waits, made.why)


def _write_list(block: "BlockList", form: str, out: Path) -> None:
    """Write a list and its manifest into a folder, in the format `form`.

    Raises:
        OSError: the folder cannot be written.
    """
    from fanal.ledger import signer
    from fanal.measures.blocking.blocklist import sign_manifest
    from fanal.measures.blocking.formats import FORMATS, write_file

    keys, chosen = signer.current(), FORMATS[form]
    if keys.signing_key is None:
        raise signer.SignerMissing("this process may not sign")
    content = write_file(block, chosen)
    manifest = sign_manifest(
        block, file=chosen.file, content=content, name=keys.origin, key=keys.signing_key
    )
    make_private(out)
    write_whole(out / chosen.file, content)
    write_whole(out / f"{chosen.file}.manifest.json", manifest)


def _command(name: str, form: str) -> click.Command:
    @with_django(DatabaseRole.WORKER)
    def run(out: Path, as_user: str | None, code: str | None) -> None:
        write_list(form, out=out, as_user=as_user, code=code)

    return click.command(name, help=_HELP[form])(folder_option(exporter_option(code_option(run))))


COMMANDS = tuple(
    _command(name, form)
    for name, form in (("rpz", "rpz"), ("blocking-csv", "csv"), ("blocking-json", "json"))
)
"""The export commands of the blocking list."""


def arguments(command: Callable[..., None]) -> Callable[..., None]:
    """Return an export command with the common arguments: REF…, `--out`, `--as`, `--code` (a decorator)."""
    for decorate in (
        code_option,
        exporter_option,
        folder_option,
        click.argument("references", metavar="REF...", nargs=-1, required=True),
    ):
        command = decorate(command)
    return command


@click.group()
def export() -> None:
    """Write reports, dossiers (groups of linked reports) and lists of hashes in the formats of partners."""


@export.command("ncmec-xml")
@arguments
@click.option(
    "--motive", default="", metavar="TEXT", help="Purpose of opening the reporter's identity."
)
@with_django(DatabaseRole.APP)
def ncmec_xml(
    references: tuple[str, ...], out: Path, as_user: str | None, motive: str, code: str | None
) -> None:
    """Write reports as NCMEC XML: DIR/REF/report.xml, and file-N.xml for each file, valid by our schema.

    A provider's own XML is written complete. Its reporter's identity is opened, with --motive and a ledger
    entry, if USER may open identities; otherwise the desk is written as the reporter.
    """
    from fanal.cli.export_exchange import write_folder

    actor = proven(as_user, code=code, motive="fanal export ncmec-xml", action="export.write")
    now = clock.now()

    def write(report_id: UUID, folder: Path) -> bool:
        return write_folder(report_id, folder, actor=actor, motive=motive, now=now)

    _write_all("ncmec-xml", references, out, actor=actor, now=now, write=write)


@export.command("xarf")
@arguments
@with_django(DatabaseRole.APP)
def xarf(references: tuple[str, ...], out: Path, as_user: str | None, code: str | None) -> None:
    """Write DIR/REF/N.json (N from 1): XARF v4 messages (csam or csem), one for each web address of a report.

    A report with one address and several classified files has one message for each of these files. Nothing is
    written for a report without a web address or of a kind that XARF lacks; messages that the public XARF
    parser refuses are left out, with a line on standard error. Data on victims and reporters, and the text of
    a report, are never written.
    """
    _write_documents("xarf", references, out, as_user=as_user, code=code)


@export.command("dsa-18")
@arguments
@with_django(DatabaseRole.APP)
def dsa_18(references: tuple[str, ...], out: Path, as_user: str | None, code: str | None) -> None:
    """Write reports as notifications under article 18 of the Digital Services Act, to DIR/REF/1.json."""
    _write_documents("dsa-18", references, out, as_user=as_user, code=code)


@export.command("com-2022-209")
@arguments
@trial
@with_django(DatabaseRole.APP)
def com_2022_209(
    references: tuple[str, ...],
    out: Path,
    as_user: str | None,
    code: str | None,
    even_if_not_in_force: bool,
) -> None:
    """Write reports with the fields of article 13 of the proposal COM(2022)209, to DIR/REF/1.json."""
    require_in_force("com-2022-209", now=clock.now(), even_if_not=even_if_not_in_force)
    _write_documents("com-2022-209", references, out, as_user=as_user, code=code)


def _write_documents(
    format_: str, references: tuple[str, ...], out: Path, *, as_user: str | None, code: str | None
) -> None:
    from fanal.cli.export_exchange import WRITERS, find

    actor = proven(as_user, code=code, motive=f"fanal export {format_}", action="export.write")
    now = clock.now()

    def write(report_id: UUID, folder: Path) -> bool:
        found = find(report_id, actor=actor, now=now)
        if found is None:
            return False
        for number, document in enumerate(WRITERS[format_](found), start=1):
            make_private(folder)
            write_whole(folder / f"{number}.json", document)
        return True

    _write_all(format_, references, out, actor=actor, now=now, write=write)


def _write_all(
    format_: str,
    references: tuple[str, ...],
    out: Path,
    *,
    actor: Actor,
    now: datetime,
    write: Callable[[UUID, Path], bool],
) -> None:
    """Record the export in the ledger, then write each report of the references into its own folder in `out`.

    `format_`: its name in the ledger. `write(report id, folder)` returns whether it wrote the report. Exits
    with status 2 after messages for missing reports.
    """
    from fanal.cli.resolve import resolve, to_export
    from fanal.ledger import operations as ledger

    found = [(reference, to_export(actor, resolve(actor, reference))) for reference in references]
    ids = [report_id for _, several in found for report_id in several]
    if ids:
        ledger.record_batch(
            actor=actor, action="report.export", at=now, kind="report",
            items=[(report_id, b"") for report_id in ids], detail={"format": format_},
        )  # fmt: skip
    missing = [reference for reference, several in found if not several]
    taken: dict[str, str] = {}
    for reference, several in found:
        for number, report_id in enumerate(several):
            name = place_of(reference, taken) + (f"-{number + 1}" if number else "")
            if not write(report_id, out / name):
                missing.append(reference)
    for reference in missing:
        tell("NO_HARMONISED", reference=reference)
    if missing:
        sys.exit(2)


for _command in (vics, csv_hashes, stix, misp, *COMMANDS):
    export.add_command(_command)
