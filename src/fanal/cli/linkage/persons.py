"""Suspects as rows of a table, for the model: one row a suspect, values in the forms that are compared."""

from collections.abc import Iterable

import pyarrow as pa

from fanal.crosscheck.domain.cards import mark_of
from fanal.crosscheck.domain.hubs import is_empty_name
from fanal.crosscheck.domain.names import words_of
from fanal.crosscheck.domain.variants import handle_stem, mail_name
from fanal.formats.report.records import Person, PersonRole
from fanal.harmonise.domain.accounts import read_iban, read_wallet
from fanal.harmonise.domain.devices import read_device
from fanal.harmonise.domain.handles import read_handle
from fanal.harmonise.domain.records import HarmonisedReport, Selector, SelectorKind, SelectorRole

COLUMNS = (
    *("email", "mail_name", "handle", "stem", "phone", "name", "birth", "device", "account"),
    "postcode",
)
SCHEMA = pa.schema(
    [("unique_id", pa.int64()), ("report", pa.int64()), *((name, pa.string()) for name in COLUMNS)]
)


def persons_table(reports: Iterable[tuple[int, HarmonisedReport]]) -> pa.Table:
    """Return the suspects of reports, each known by a number; fillers are left out."""
    columns: dict[str, list[object]] = {name: [] for name in SCHEMA.names}
    for number, report in reports:
        for person in report.persons:
            if person.role is not PersonRole.SUSPECT:
                continue
            columns["unique_id"].append(len(columns["unique_id"]))
            columns["report"].append(number)
            for name, value in row_of(person).items():
                columns[name].append(value or None)
    return pa.table(columns, schema=SCHEMA)


def row_of(person: Person) -> dict[str, str]:
    """Return the compared forms of a suspect's first value of each kind; empty where there is none."""
    email = _first(SelectorKind.EMAIL, person.emails)
    handle = _first(
        SelectorKind.HANDLE, (read_handle(h.value, h.platform) or "" for h in person.handles)
    )
    name = person.name if person.name and not is_empty_name(person.name) else ""
    words = words_of(name) if name else ()
    return {
        "email": email,
        "mail_name": mail_name(email),
        "handle": handle,
        "stem": handle_stem(handle.rpartition("@")[0] or handle),
        "phone": _first(SelectorKind.PHONE, person.phones),
        "name": " ".join(words) if len(words) > 1 and min(map(len, words)) > 1 else "",
        "birth": person.birth_date or "",
        "device": _first(SelectorKind.DEVICE, (read_device(d) or "" for d in person.devices)),
        "account": _first(
            SelectorKind.ACCOUNT,
            (read_iban(a.value) or read_wallet(a.value) or "" for a in person.accounts),
        ),
        "postcode": person.postcode or "",
    }


def _first(kind: SelectorKind, values: Iterable[str]) -> str:
    """Return the first value that is no filler."""
    for value in values:
        selector = Selector(kind=kind, value=value, role=SelectorRole.SUSPECT)
        if value and mark_of(selector) is not None:
            return value
    return ""
