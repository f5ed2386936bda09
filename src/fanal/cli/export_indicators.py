"""`fanal export stix` and `fanal export misp`: indicators of a list, of reports, of dossiers."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import click

from fanal.cli.boot import with_django
from fanal.cli.exchanged import (
    DESK,
    as_option,
    list_option,
    note_reports,
    one_source,
    open_list,
    records_of,
    tell_left_out,
    tlp_option,
)
from fanal.cli.failures import tell
from fanal.cli.places import place_of, write_text
from fanal.formats.indicators import Indicator
from fanal.formats.misp.write import OutEvent, is_object, writable as fits_misp, write_event
from fanal.formats.stix.write import OutBundle, writable as fits_stix, write_bundle
from fanal.kernel.actors import Actor
from fanal.postgres import DatabaseRole


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """One format: its name, what it has room for, and how some items of a subject are written."""

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
    """Give a command what both formats take."""
    command = click.argument("references", metavar="REF...", nargs=-1)(command)
    place = click.Path(path_type=Path)
    out = click.option("--out", required=True, type=place, help="Folder, or file of a list.")
    return list_option(out(tlp_option(as_option(command))))


@click.command("stix")
@_arguments
@with_django(DatabaseRole.APP)
def stix(
    references: tuple[str, ...], list_name: str | None, out: Path, tlp: str, as_user: str | None
) -> None:
    """Write DIR/REF.json, a STIX 2.1 bundle, for each report or dossier; or the list NAME to the file OUT.

    Never names, never values of victims, witnesses, recipients or reporters.
    """
    one_source(references=references, list_name=list_name)
    if list_name is None:
        _reports(references, out, way=_STIX, tlp=tlp, as_user=as_user)
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
    references: tuple[str, ...], list_name: str | None, out: Path, tlp: str, as_user: str | None
) -> None:
    """Write DIR/REF.json, a MISP event, for each report or dossier; or the list NAME to the file OUT.

    Never names, never values of victims, witnesses, recipients or reporters.
    """
    one_source(references=references, list_name=list_name)
    if list_name is None:
        _reports(references, out, way=_MISP, tlp=tlp, as_user=as_user)
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


def _reports(
    references: tuple[str, ...], out: Path, *, way: _Way, tlp: str, as_user: str | None
) -> None:
    """Write what may leave of each report, or of all reports of a dossier together."""
    from fanal.cli.readers import reader
    from fanal.harmonise.domain.shareable import shareable

    actor = reader(as_user, motive=f"fanal export {way.name}", action="export.write")
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
    """Return a neutral name of what REF is, and its reports: those it names, or those of a dossier."""
    from fanal.cli.resolve import resolve, to_export
    from fanal.crosscheck import queries as crosscheck

    several = sorted(to_export(actor, resolve(actor, reference)))
    if several:
        return f"report {several[0]}", several
    try:
        dossier_id = UUID(reference)
    except ValueError:
        return "", []
    members = crosscheck.members_of(actor=actor, dossier_id=dossier_id)
    return f"dossier {dossier_id}", to_export(actor, members)
