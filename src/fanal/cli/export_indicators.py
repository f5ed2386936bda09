"""`fanal export` of indicators and hash sets: STIX, MISP, VICS and CSV, of lists, reports and dossiers.

Common arguments: REF is a report's id, number or sender's reference, `--as` and `--code` login and one-time
code of the person who exports.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import click

from fanal.analyse.material.domain.lists import Sharing
from fanal.cli.actors import code_option, exporter_option, proven
from fanal.cli.boot import with_django
from fanal.cli.failures import CommandRefused, tell
from fanal.cli.output import place_of, write_text
from fanal.formats.csv_hashes import writable as fits_csv, write_csv
from fanal.formats.indicators import HASH_DIGITS, Indicator
from fanal.formats.misp import OutEvent, is_object, writable as fits_misp, write_event
from fanal.formats.report.records import File
from fanal.formats.stix.write import OutBundle, writable as fits_stix, write_bundle
from fanal.formats.vics.write import VERSIONS, OutCase, OutFile, write_case, write_hash_set
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.kernel import clock
from fanal.kernel.actors import Actor
from fanal.ledger.domain.records import ObjectRef
from fanal.postgres import DatabaseRole

# The export of lists and reports: permission, sharing limits, and a ledger entry before the first byte.

if TYPE_CHECKING:
    from fanal.analyse.material.queries.lists import ListState

DESK = "Fanal"
COLOURS = ("white", "green", "amber", "red")
_OPEN = frozenset({"white", "green"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A list of hashes to export: its state, and its items, which can be read several times.

    `writable` returns whether the format can represent an item; `left_out` counts the others by kind.
    """

    state: "ListState"
    writable: Callable[[Indicator], bool]
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def changed_at(self) -> str:
        """The time of the list's last change, written as RFC 3339 (UTC, with milliseconds)."""
        return milliseconds(self.state.changed_at)

    def items(self, *, counted: bool = True) -> Iterator[Indicator]:
        """Yield the items that the format can represent; if `counted`, count the others in `left_out`.

        A withdrawn item counts as WITHDRAWN, any other once for each kind of value. Each pass counts again.
        """
        from fanal.analyse.material.queries.entries import items_of_list

        for item in items_of_list(list_id=self.state.id):
            if self.writable(item):
                yield item
            elif counted:
                self.left_out.update(["WITHDRAWN"] if item.withdrawn else list(item.values))

    def tell_left_out(self) -> None:
        """Print the numbers of items that the format cannot represent, by kind, on standard error."""
        tell_left_out(self.left_out)


def open_list(
    name: str, *, as_user: str | None, format_: str, writable: Callable[[Indicator], bool],
    tlp: str | None = None,
) -> Listed:  # fmt: skip
    """Return the list `name` for export, after recording its export in the ledger.

    `as_user` is the login of the person who exports. `writable`: whether the format can represent an item;
    `tlp`: the TLP colour of the export.

    Raises:
        CommandRefused: the user keeps no lists, the list does not exist, or its sharing limit forbids this.
    """
    from fanal.analyse.material.queries.lists import list_lists
    from fanal.cli.actors import reader
    from fanal.ledger import operations as ledger

    actor = reader(as_user, motive=f"fanal export {format_}", action="list.keep")
    state = next((found for found in list_lists() if found.name == name), None)
    if state is None:
        raise CommandRefused("NO_LIST", name=name)
    sharing = state.facts.attributes.sharing
    if sharing is Sharing.DESK or (sharing is Sharing.AUTHORITIES and tlp in _OPEN):
        raise CommandRefused("LIST_STAYS", name=name, sharing=sharing)
    ledger.record(
        actor=actor, action="list.export", at=clock.now(),
        objects=[ObjectRef(kind="list", id=state.id)], detail={"format": format_},
    )  # fmt: skip
    return Listed(state=state, writable=writable)


def note_reports(actor: Actor, report_ids: Sequence[UUID], *, format_: str) -> None:
    """Record in the ledger that the actor exports these reports in the format `format_`, and commit."""
    from fanal.ledger import operations as ledger

    if report_ids:
        ledger.record_batch(
            actor=actor, action="report.export", at=clock.now(), kind="report",
            items=[(report_id, b"") for report_id in report_ids], detail={"format": format_},
        )  # fmt: skip


def records_of(
    actor: Actor, report_ids: Sequence[UUID]
) -> dict[UUID, tuple[HarmonisedReport, str]]:
    """Return (harmonised record, time of receipt in RFC 3339) of each report, by report id.

    Unknown reports, and those not harmonised or invisible to the actor, are left out.
    """
    from fanal.harmonise import queries as harmonised
    from fanal.intake.queries.envelopes import get_reports

    records = harmonised.get_records(actor=actor, report_ids=report_ids)
    facts = get_reports(actor=actor, report_ids=report_ids)
    return {
        report_id: (record, milliseconds(facts[report_id].received_at))
        for report_id, record in records.items()
        if report_id in facts
    }


def one_source(*, references: Sequence[str], list_name: str | None) -> None:
    """Check that a command names either reports (`references`) or a list (`list_name`), not both.

    Raises:
        CommandRefused: REPORTS_OR_LIST: both, or neither.
    """
    if bool(references) is (list_name is not None):
        raise CommandRefused("REPORTS_OR_LIST")


def tell_left_out(left_out: Counter[str]) -> None:
    """Print the numbers of values that a format cannot represent, by kind, on standard error."""
    for kind, count in sorted(left_out.items()):
        tell("LEFT_OUT", count=count, kind=kind)


def milliseconds(instant: datetime) -> str:
    """Return an instant in the notation of the exchange formats (RFC 3339, UTC, milliseconds)."""
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03}Z"


list_option = click.option("--list", "list_name", metavar="NAME", help="Name of the list to write.")
tlp_option = click.option(
    "--tlp", type=click.Choice(COLOURS), default="amber", show_default=True,
    help="Traffic Light Protocol level: how far recipients may share it.",
)  # fmt: skip


# `fanal export vics` and `fanal export csv-hashes`: reports as cases; lists as hash sets and CSV.

_COUNTRIES = ("US", "UK", "FR", "DEFAULT", "CUSTOM")


@click.command("vics")
@click.argument("references", metavar="REF...", nargs=-1)
@list_option
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Folder; for a list, a file."
)
@click.option(
    "--version",
    type=click.Choice(VERSIONS),
    default="2.0",
    show_default=True,
    help="Version of the VICS format.",
)
@click.option(
    "--country",
    type=click.Choice(_COUNTRIES),
    default="FR",
    show_default=True,
    help="Country of the written categories; other classes become a tag.",
)
@exporter_option
@code_option
@with_django(DatabaseRole.APP)
def vics(
    references: tuple[str, ...],
    list_name: str | None,
    out: Path,
    version: str,
    country: str,
    as_user: str | None,
    code: str | None,
) -> None:
    """Write a VICS case (the JSON of Project VIC) DIR/REF.json for each report; or a list as a hash set.

    With --list NAME, the hash set goes to the file OUT. It contains the entries in force with an MD5, which
    VICS requires.
    """
    one_source(references=references, list_name=list_name)
    if list_name is None:
        actor = proven(as_user, code=code, motive="fanal export vics", action="export.write")
        _cases(references, out, version=version, country=country, actor=actor)
        return
    listed = open_list(list_name, as_user=as_user, format_="vics", writable=_fits_vics)
    write_text(out, write_hash_set(listed.items(), version=version, country=country))
    listed.tell_left_out()


@click.command("csv-hashes")
@click.option(
    "--list", "list_name", metavar="NAME", required=True, help="Name of the list to write."
)
@click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="File for the result.",
)
@exporter_option
@with_django(DatabaseRole.APP)
def csv_hashes(list_name: str, out: Path, as_user: str | None) -> None:
    """Write the hashes of the list that are in force to the CSV file OUT, safe to open in a spreadsheet."""
    listed = open_list(list_name, as_user=as_user, format_="csv-hashes", writable=fits_csv)
    write_text(out, write_csv(listed.items()))
    listed.tell_left_out()


def _fits_vics(item: Indicator) -> bool:
    return "MD5" in item.values and not item.withdrawn


def _cases(
    references: tuple[str, ...], out: Path, *, version: str, country: str, actor: Actor
) -> None:
    from fanal.cli.resolve import resolve, to_export

    found = [(reference, to_export(actor, resolve(actor, reference))) for reference in references]
    note_reports(actor, [i for _, several in found for i in several], format_="vics")
    missing = [reference for reference, several in found if not several]
    taken: dict[str, str] = {}
    for reference, several in found:
        records = records_of(actor, several)
        missing += [reference for report_id in several if report_id not in records]
        for number, report_id in enumerate(i for i in several if i in records):
            name = place_of(reference, taken) + (f"-{number + 1}" if number else "")
            body = write_case(_case(records[report_id][0]), version=version, country=country)
            write_text(out / f"{name}.json", [body.decode()])
    for reference in missing:
        tell("NO_HARMONISED", reference=reference)
    if missing:
        sys.exit(2)


def _case(record: HarmonisedReport) -> OutCase:
    from_vics = any(extra.path.startswith("case/") for extra in record.extra)
    files = [_file(file) for file in record.files]
    kept = [file for file in files if from_vics or "MD5" in file.hashes]
    tell_left_out(Counter({"FILE": len(files) - len(kept)} if len(kept) < len(files) else {}))
    return OutCase(
        reference=record.reference,
        files=kept,
        kept=[(extra.path, extra.value) for extra in record.extra] if from_vics else [],
        organization=DESK,
    )


def _file(file: File) -> OutFile:
    hashes = {kind: getattr(file, kind.lower()) for kind in HASH_DIGITS}
    named = file.classification
    return OutFile(
        name=file.name,
        hashes={kind: value for kind, value in hashes.items() if value},
        classification=f"{named.scheme}:{named.code}" if named else "",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """A format of indicators (STIX, MISP): its name, the items that it can represent, and its writer.

    `write` takes the items, a name for the report or dossier, and the TLP colour; it yields text.
    """

    name: str
    writable: Callable[[Indicator], bool]
    write: Callable[[Sequence[Indicator], str, str], Iterator[str]]


def _bundle(items: Sequence[Indicator], subject: str, tlp: str) -> Iterator[str]:
    return write_bundle(items, OutBundle(desk=DESK, subject=subject, tlp=tlp, grouped=True))


def _event(items: Sequence[Indicator], subject: str, tlp: str) -> Iterator[str]:
    changed_at = max(item.added_at or "" for item in items)
    return write_event(
        OutEvent(desk=DESK, subject=subject, tlp=tlp, changed_at=changed_at),
        attributes=[item for item in items if not is_object(item)],
        objects=[item for item in items if is_object(item)],
    )


_STIX = _Way(name="stix", writable=fits_stix, write=_bundle)
_MISP = _Way(name="misp", writable=fits_misp, write=_event)


def _arguments(command: Callable[..., None]) -> Callable[..., None]:
    """Decorate a command of STIX or MISP with the common arguments: reports or list, output, user, TLP."""
    command = click.argument("references", metavar="REF...", nargs=-1)(command)
    place = click.Path(path_type=Path)
    out = click.option("--out", required=True, type=place, help="Folder; for a list, a file.")
    return list_option(out(tlp_option(exporter_option(code_option(command)))))


@click.command("stix")
@_arguments
@with_django(DatabaseRole.APP)
def stix(
    references: tuple[str, ...],
    list_name: str | None,
    out: Path,
    tlp: str,
    as_user: str | None,
    code: str | None,
) -> None:
    """Write a STIX 2.1 bundle DIR/REF.json for each report or dossier; or the list NAME to the file OUT.

    Names, and values of victims, witnesses, recipients and reporters, are never written.
    """
    one_source(references=references, list_name=list_name)
    if list_name is None:
        actor = proven(as_user, code=code, motive="fanal export stix", action="export.write")
        _reports(references, out, way=_STIX, tlp=tlp, actor=actor)
        return
    listed = open_list(list_name, as_user=as_user, format_="stix", writable=fits_stix, tlp=tlp)
    head = OutBundle(
        desk=DESK, subject=list_name, tlp=tlp, confidence=listed.state.facts.attributes.confidence
    )
    write_text(out, write_bundle(listed.items(), head))
    listed.tell_left_out()


@click.command("misp")
@_arguments
@with_django(DatabaseRole.APP)
def misp(
    references: tuple[str, ...],
    list_name: str | None,
    out: Path,
    tlp: str,
    as_user: str | None,
    code: str | None,
) -> None:
    """Write a MISP event DIR/REF.json for each report or dossier; or the list NAME to the file OUT.

    Names, and values of victims, witnesses, recipients and reporters, are never written.
    """
    one_source(references=references, list_name=list_name)
    if list_name is None:
        actor = proven(as_user, code=code, motive="fanal export misp", action="export.write")
        _reports(references, out, way=_MISP, tlp=tlp, actor=actor)
        return
    listed = open_list(list_name, as_user=as_user, format_="misp", writable=fits_misp, tlp=tlp)
    head = OutEvent(desk=DESK, subject=list_name, tlp=tlp, changed_at=listed.changed_at)
    pieces = write_event(
        head,
        attributes=(item for item in listed.items() if not is_object(item)),
        objects=(item for item in listed.items(counted=False) if is_object(item)),
    )
    write_text(out, pieces)
    listed.tell_left_out()


def _reports(references: tuple[str, ...], out: Path, *, way: _Way, tlp: str, actor: Actor) -> None:
    """Write the shareable indicators of each REF (a report or a dossier) to a JSON file in `out`.

    `way` is the format, `tlp` the TLP colour, `actor` exports. Exits with status 2 after messages for each
    REF without shareable indicators.
    """
    from fanal.harmonise.domain.redaction.outside import shareable

    found = [(reference, *_meant(actor, reference)) for reference in references]
    note_reports(actor, [i for _, _, several in found for i in several], format_=way.name)
    taken: dict[str, str] = {}
    failed = False
    for reference, subject, several in found:
        records = records_of(actor, several)
        shared = shareable([records[report_id] for report_id in several if report_id in records])
        items = [item for item in shared if way.writable(item)]
        tell_left_out(Counter(k for item in shared if not way.writable(item) for k in item.values))
        if items:
            path = out / f"{place_of(reference, taken)}.json"
            write_text(path, way.write(items, subject, tlp))
            continue
        tell("NO_INDICATOR" if records else "NO_HARMONISED", reference=reference)
        failed = True
    if failed:
        sys.exit(2)


def _meant(actor: Actor, reference: str) -> tuple[str, list[UUID]]:
    """Return (name, ids of the reports to export) of a REF: one that `resolve` knows, or a dossier's id.

    The name (`report ID` of the first, `dossier ID`, "" for an unknown REF) contains no personal data. The
    list is empty if there are no reports that the actor may export.
    """
    from fanal.cli.resolve import resolve, to_export
    from fanal.crosscheck.dossiers.queries import members_of

    several = sorted(to_export(actor, resolve(actor, reference)))
    if several:
        return f"report {several[0]}", several
    try:
        dossier_id = UUID(reference)
    except ValueError:
        return "", []
    members = members_of(actor=actor, dossier_id=dossier_id)
    return f"dossier {dossier_id}", to_export(actor, members)
