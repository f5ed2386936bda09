"""The people of the stored reports, what was judged of them, and what the model finds among them."""

from collections.abc import Iterator, Sequence
from uuid import UUID

import pyarrow as pa
from msgspec import Struct

from fanal.cli.linkage.engine import predict
from fanal.cli.linkage.persons import persons_table
from fanal.cli.linkage.versions import Model
from fanal.crosscheck import operations, queries
from fanal.crosscheck.domain.resembling import LEAST, Resemblance
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.kernel import clock
from fanal.kernel.actors import Actor

_AT_ONCE = 2000


class Stored(Struct, frozen=True, kw_only=True):
    """The linked reports by number, and the table of their suspects."""

    ids: tuple[UUID, ...]
    persons: pa.Table


def stored_persons(actor: Actor) -> Stored:
    """Return the suspects of all linked reports."""
    ids = tuple(queries.linked_reports(actor=actor))
    return Stored(ids=ids, persons=persons_table(_records(actor, ids)))


def find_resemblances(actor: Actor, *, used: Model, engine: str, master: str) -> int:
    """Keep what a model finds among all linked reports; return how many pairs."""
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
    ]
    return operations.keep_resemblances(
        actor=actor, found=found, model=used.version, now=clock.now()
    )


def labels_of(actor: Actor, ids: Sequence[UUID]) -> list[int]:
    """Return the dossier of each report as a number, -1 where it is in none and nobody judged it.

    A report of a rejected pair that is in no dossier stands alone, under a number of its own.
    """
    number: dict[UUID, int] = {}
    place = {report_id: n for n, report_id in enumerate(ids)}
    labels = [-1] * len(ids)
    for page in queries.walk_dossiers(actor=actor, at_once=_AT_ONCE):
        for dossier in page:
            label = number.setdefault(dossier.id, len(number))
            for report_id in dossier.reports:
                if report_id in place:
                    labels[place[report_id]] = label
    for report_id in queries.rejected_reports(actor=actor):
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
