"""`fanal recipients`: the directory of addressees of measures (hosts, access providers, …): import, list."""

import json
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from fanal import reference
from fanal.cli.actors import code_option, prove, reader
from fanal.cli.boot import with_django
from fanal.cli.failures import CommandRefused, language, tell
from fanal.cli.output import Row, print_rows
from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.kernel.refusal import Refusal
from fanal.postgres import DatabaseRole

_MOTIVE = "fanal recipients"
_MOST_TOLD = 20


@click.group()
def recipients() -> None:
    """Import and list the addressees of measures: hosts, access providers, search engines, registrars."""


@recipients.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--as", "login", required=True, help="Login of the person who answers for the file.")
@code_option
@with_django(DatabaseRole.APP)
def import_(file: Path, login: str, code: str | None) -> None:
    """Import the addressees in the CSV file FILE, all together or none; print the numbers as JSON.

    Columns: kind, name, other_names, contact_point, email, postal, user_point, languages, territory,
    as_numbers, prefixes, domains, source, source_date, checked. A second person confirms new addresses.
    """
    from fanal.measures.addressees.acts import import_entries
    from fanal.measures.addressees.csv_file import MAX_BYTES, read_rows

    actor = reader(login, motive=_MOTIVE, action="addressee.keep")
    prove(login, code)
    with file.open("rb") as stream:
        rows = read_rows(stream.read(MAX_BYTES + 1))
    done = import_entries(actor=actor, rows=rows, now=clock.now())
    for line, fault in done.faults[:_MOST_TOLD]:
        why = reference.explain_refusal(Refusal("addressee", fault), language())
        tell("ADDRESSEE_ROW", line=line, why=why)
    if done.faults:
        raise CommandRefused("ADDRESSEE_ROWS", count=len(done.faults), path=file)
    counts = {"added": done.added, "changed": done.changed, "unchanged": done.unchanged}
    click.echo(json.dumps(counts))


@recipients.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@with_django(DatabaseRole.APP)
def list_(as_json: bool) -> None:
    """List the addressees of measures by name, with state, kinds and the facts of the newest version."""
    from fanal.measures.addressees.records import Field
    from fanal.measures.addressees.views import list_entries

    def rows() -> Iterator[Row]:
        for entry in list_entries(actor=system_actor(_MOTIVE)):
            confirmed = entry.confirmed.addresses if entry.confirmed else {}
            line = {
                "id": str(entry.id),
                "name": entry.name,
                "kinds": list(entry.kinds),
                "state": entry.state,
                "version": entry.newest.version,
                "confirmed": {field.lower(): found[0] for field, found in confirmed.items()},
                "facts": msgspec.to_builtins(entry.newest.facts),
            }
            state = reference.label("directory_state", entry.state, language())
            place = entry.newest.value(Field.TERRITORY) or "--"
            yield line, f"{entry.id}  {state:20}{place}  {','.join(entry.kinds):20}  {entry.name}"

    print_rows(rows(), as_json=as_json)
