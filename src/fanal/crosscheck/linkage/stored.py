"""The input and output of the linkage model: suspects of stored reports, judgements, and found pairs."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from uuid import UUID

import pyarrow as pa
from msgspec import Struct

from fanal.crosscheck.domain.cards import mark_of
from fanal.crosscheck.domain.hubs import is_empty_name
from fanal.crosscheck.domain.names import words_of
from fanal.crosscheck.dossiers.queries import walk_dossiers
from fanal.crosscheck.linkage.engine import predict
from fanal.crosscheck.linkage.model import Model
from fanal.crosscheck.links.queries import linked_reports
from fanal.crosscheck.similar.domain.spelling import handle_stem, mail_name
from fanal.crosscheck.similar.domain.suggestions import LEAST, Resemblance, is_beyond_rule
from fanal.crosscheck.similar.operations.near import keep_resemblances
from fanal.crosscheck.similar.queries import rejected_reports
from fanal.formats.report.records import Person, PersonRole
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import HarmonisedReport, Selector, SelectorKind, SelectorRole
from fanal.harmonise.domain.values.accounts import read_iban, read_wallet
from fanal.harmonise.domain.values.handles import read_device, read_handle
from fanal.kernel.actors import Actor

# Suspects as a table for the model: one row a suspect, with values in their compared forms.

COLUMNS = (
    *("email", "mail_name", "handle", "stem", "phone", "name", "birth", "device", "account"),
    "postcode",
)
SCHEMA = pa.schema(
    [("unique_id", pa.int64()), ("report", pa.int64()), *((name, pa.string()) for name in COLUMNS)]
)


def persons_table(reports: Iterable[tuple[int, HarmonisedReport]]) -> pa.Table:
    """Return the suspects in reports as a table of schema `SCHEMA`, a row each, without placeholder values.

    Each report comes as (number, report); the number is the column `report`.
    """
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
    """Return a row of the persons table for a suspect: the first value of each kind, by column; "" for none.

    Values are in the form in which the linkage model compares them.
    """
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
    """Return the first of `values` (identifiers of one `kind`) that is not a placeholder; "" if none."""
    for value in values:
        selector = Selector(kind=kind, value=value, role=SelectorRole.SUSPECT)
        if value and mark_of(selector) is not None:
            return value
    return ""


_AT_ONCE = 2000


class Stored(Struct, frozen=True, kw_only=True):
    """The input of the linkage model: ids of the linked reports, and their suspects.

    The number of a report is the position of its id in `ids`. `persons` is a table with a row for each
    suspect, with the report's number.
    """

    ids: tuple[UUID, ...]
    persons: pa.Table


def stored_persons(actor: Actor) -> Stored:
    """Return the suspects of all linked reports, with the ids of these reports.

    Raises:
        Refused: the actor is not the system.
    """
    ids = tuple(linked_reports(actor=actor))
    return Stored(ids=ids, persons=persons_table(_records(actor, ids)))


def find_resemblances(actor: Actor, *, used: Model, engine: str, master: str, now: datetime) -> int:
    """Replace the linkage model's stored suggestions by the pairs that the model `used` finds.

    It searches all reports that cross-check has processed. Returns the number of pairs, without those that
    are already in one dossier or share a single identifier, which the linkage rule weights. `engine`:
    `duckdb`, or `spark` at the address `master`.

    Raises:
        Refused: the actor is not the system.
    """
    stored = stored_persons(actor)
    pairs = predict(stored.persons, used.model, least=LEAST, engine=engine, master=master)
    found = [
        Resemblance(
            report_id=stored.ids[later],
            other_id=stored.ids[earlier],
            probability=one.probability,
            alike=one.alike,
        )
        for (later, earlier), one in sorted(pairs.items())
        if is_beyond_rule(one.alike)
    ]
    return keep_resemblances(actor=actor, found=found, model=used.version, now=now)


def labels_of(actor: Actor, ids: Sequence[UUID]) -> list[int]:
    """Return a label for each report of `ids`: the number of its dossier, or -1 without one.

    Reports with the same label are about the same person. A report of a rejected pair without a dossier has a
    label of its own.

    Raises:
        Refused: the actor is not the system.
    """
    number: dict[UUID, int] = {}
    place = {report_id: n for n, report_id in enumerate(ids)}
    labels = [-1] * len(ids)
    for page in walk_dossiers(actor=actor, at_once=_AT_ONCE):
        for dossier in page:
            label = number.setdefault(dossier.id, len(number))
            for report_id in dossier.reports:
                if report_id in place:
                    labels[place[report_id]] = label
    for report_id in rejected_reports(actor=actor):
        if report_id in place and labels[place[report_id]] < 0:
            labels[place[report_id]] = number.setdefault(report_id, len(number))
    return labels


def _records(actor: Actor, ids: Sequence[UUID]) -> Iterator[tuple[int, HarmonisedReport]]:
    for start in range(0, len(ids), _AT_ONCE):
        part = list(ids[start : start + _AT_ONCE])
        records = harmonised.get_records(actor=actor, report_ids=part)
        for n, report_id in enumerate(part):
            if report_id in records:
                yield start + n, records[report_id]
