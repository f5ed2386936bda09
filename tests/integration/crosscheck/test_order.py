"""Whatever the order of arrival, and derived from nothing: the same links, standings and dossiers."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from django.db import connection

from benchmarks.truth.telling import Told
from benchmarks.truth.world import World
from fanal.crosscheck.domain.weights import load_weights
from fanal.crosscheck.links.operations.sightings import gather
from fanal.crosscheck.operations.batch import crosscheck_batch
from fanal.crosscheck.operations.rebuild import rebuild
from fanal.harmonise.domain.records import HarmonisedReport, Source
from fanal.harmonise.operations.batch import harmonise_batch
from fanal.kernel.actors import system_actor
from fanal.kernel.ids import new_id

pytestmark = [pytest.mark.django_db, pytest.mark.role("worker")]
NOW = datetime(2026, 11, 26, 10, 0, tzinfo=UTC)
SYSTEM = system_actor("test")


@pytest.fixture(autouse=True)
def keys(installed_keys: None) -> None:
    """The ledger signs."""


def arrive(
    told: Sequence[Told], chance: random.Random, *, shuffled: bool
) -> list[HarmonisedReport]:
    """Hand in reports in some order and batches of some size, and link them as they come."""
    order = list(told)
    if shuffled:
        chance.shuffle(order)
    reports: list[HarmonisedReport] = []
    while order:
        size = chance.choice((1, 3, 20, 90))
        part, order = order[:size], order[size:]
        sources = [
            Source(
                report_id=new_id(NOW + timedelta(seconds=len(reports) + n)),
                desk_id=1,
                format="report/1",
                body=msgspec.json.encode(one.body),
            )
            for n, one in enumerate(part)
        ]
        found, failures = harmonise_batch(actor=SYSTEM, sources=sources, now=NOW)
        assert failures == []
        reports += found
        crosscheck_batch(actor=SYSTEM, reports=found, now=NOW)
    return reports


def stand(reports: Sequence[HarmonisedReport]) -> dict[str, object]:
    """Return what stands, by references, which stay the same in any order."""
    names = {report.report_id: report.reference for report in reports}
    with connection.cursor() as cursor:
        from fanal.crosscheck.domain.records import unpack_reasons

        cursor.execute("SELECT report_id, other_id, score, reasons FROM crosscheck_link")
        links = {}
        for one, two, score, content in cursor.fetchall():
            reasons = {(r.kind, r.value, r.weight, r.kept, r.side) for r in unpack_reasons(content)}
            links[frozenset((names[one], names[two]))] = (round(score, 4), frozenset(reasons))
        cursor.execute("SELECT key, step, hub, companions FROM crosscheck_value")
        values = {row[0]: (row[1], row[2], bytes(row[3])) for row in cursor.fetchall()}
        cursor.execute("SELECT report_id, dossier_id FROM crosscheck_membership")
        dossiers: dict[object, set[str]] = {}
        for report_id, dossier_id in cursor.fetchall():
            dossiers.setdefault(dossier_id, set()).add(names[report_id])
    return {"links": links, "values": values, "dossiers": {frozenset(d) for d in dossiers.values()}}


def emptied() -> None:
    with connection.cursor() as cursor:
        for table in ("link", "kin", "card", "value", "membership", "dossier"):
            cursor.execute(f"DELETE FROM crosscheck_{table}")
        cursor.execute("DELETE FROM harmonise_sighting")


@pytest.mark.parametrize("seed", [1, 2])
def test_shuffled_arrivals_and_a_rebuild_give_the_same(seed: int) -> None:
    told = World(500, seed=seed).reports()
    chance = random.Random(seed)
    first = arrive(told, chance, shuffled=False)
    stood = stand(first)
    assert len(stood["links"]) > 300
    assert len(stood["dossiers"]) > 20
    rebuild(actor=SYSTEM, now=NOW)
    assert stand(first) == stood
    emptied()
    assert stand(arrive(told, chance, shuffled=True)) == stood


def test_a_file_of_hundreds_joins_nobody_and_its_holders_are_read_no_more() -> None:
    reports: list[HarmonisedReport] = []
    many = load_weights().most_holders
    for start, count in ((0, 20), (20, many + 20), (many + 40, 30)):
        sources = [
            Source(
                report_id=new_id(NOW + timedelta(seconds=n)),
                desk_id=1,
                format="report/1",
                body=msgspec.json.encode(
                    {
                        "reference": str(n),
                        "kind": "OTHER",
                        "files": [{"sha256": "5e" * 32}],
                        "persons": [{"role": "SUSPECT", "emails": [f"p{n % 90}@mail.test"]}],
                    }
                ),
            )
            for n in range(start, start + count)
        ]
        found, failures = harmonise_batch(actor=SYSTEM, sources=sources, now=NOW)
        assert failures == []
        reports += found
        crosscheck_batch(actor=SYSTEM, reports=found, now=NOW)
        gathered = gather(actor=SYSTEM, reports=found, weights=load_weights())
    kin = {int(report.reference) % 90 for report in found}
    met = {report.report_id for report in reports if int(report.reference) % 90 in kin}
    assert set(gathered.ids) == met, "those alone who share a mailbox with the last batch"
    stood = stand(reports)
    assert len(stood["dossiers"]) == 90
    rebuild(actor=SYSTEM, now=NOW)
    assert stand(reports) == stood
