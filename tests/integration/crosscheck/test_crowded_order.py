"""Values that very many hold, and reports that come late: what stands is what a rebuild finds.

Reports keep their ids and come in any order, as from workers beside each other, or from a quarantine that
is left after weeks. The bounds are made small, so that some dozens of reports are very many.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest
from django.db import connection

from fanal.crosscheck.domain.records import JudgementAct
from fanal.crosscheck.domain.weights import load_weights
from fanal.crosscheck.links.operations import sightings
from fanal.crosscheck.operations import judge as judgements
from fanal.crosscheck.operations.batch import crosscheck_batch
from fanal.crosscheck.operations.rebuild import rebuild
from fanal.harmonise.domain.records import HarmonisedReport, Source
from fanal.harmonise.operations.batch import harmonise_batch
from fanal.kernel.actors import system_actor
from fanal.kernel.ids import new_id
from tests.integration.crosscheck.test_crosscheck import analyst
from tests.integration.crosscheck.test_order import stand

pytestmark = [pytest.mark.django_db, pytest.mark.role("worker")]
NOW = datetime(2026, 11, 26, 10, 0, tzinfo=UTC)
SYSTEM = system_actor("test")
SIZE = 100


@pytest.fixture(autouse=True)
def keys(installed_keys: None) -> None:
    """The ledger signs."""


@pytest.fixture(autouse=True)
def bounds(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let ten be very many, three neighbours meet, and forty be read at once."""
    weights = load_weights()
    shipped = {name: getattr(weights, name) for name in ("most_holders", "neighbours")}
    for name, value in (("most_holders", 10), ("neighbours", 3)):
        msgspec.structs.force_setattr(weights, name, value)
    monkeypatch.setattr(sightings, "MOST_READ", 40)
    monkeypatch.setattr(sightings, "READ", 20)
    yield
    for name, value in shipped.items():
        msgspec.structs.force_setattr(weights, name, value)


def crowd(chance: random.Random) -> list[Source]:
    """Return reports of few people: three who are reported again and again, files and pages that go round."""
    sources = []
    for number in range(SIZE):
        suspect = {
            "role": chance.choice(("SUSPECT", "SUSPECT", "SUSPECT", "VICTIM")),
            "name": chance.choice((None, "Anne Martin", "Luc Petit")),
            "handles": [
                {"platform": "example", "value": chance.choice(("alpha.17", "alpha.17", "beta.29"))}
            ],
        }
        if chance.random() < 0.5:
            suspect["emails"] = [f"m{chance.randrange(20)}@mail.test"]
        if chance.random() < 0.4:
            suspect["emails"] = [*suspect.get("emails", []), "gamma@mail.test"]
        if chance.random() < 0.4:
            suspect["devices"] = [f"device-{chance.randrange(9):04}"]
        body = {
            "reference": f"r{number}",
            "kind": "OTHER",
            "persons": [suspect],
            "files": [{"sha256": f"{chance.randrange(4):064x}"}],
            "urls": [f"https://host.test/p/{chance.randrange(5)}"],
        }
        sources.append(
            Source(
                report_id=new_id(NOW + timedelta(seconds=number)),
                desk_id=1,
                format="report/1",
                body=msgspec.json.encode(body),
            )
        )
    return sources


def arrive(
    sources: list[Source], chance: random.Random, *, seen_before: int
) -> list[HarmonisedReport]:
    """Hand in reports; `seen_before` of them are harmonised before any is linked, as by another worker."""
    waiting = list(sources)
    reports: list[HarmonisedReport] = []
    done: list[HarmonisedReport] = []
    while waiting or len(done) < len(reports):
        taken = max(0, seen_before - (len(reports) - len(done))) + 1
        part, waiting = waiting[:taken], waiting[taken:]
        if part:
            found, failures = harmonise_batch(actor=SYSTEM, sources=part, now=NOW)
            assert failures == []
            reports += found
        size = chance.choice((1, 2, 9, 30))
        batch = reports[len(done) : len(done) + size]
        crosscheck_batch(actor=SYSTEM, reports=batch, now=NOW)
        done += batch
        if len(done) - len(batch) < SIZE // 2 <= len(done):
            judge(chance)
    return reports


def judge(chance: random.Random) -> None:
    """Take reports of the largest dossier apart for good, and cut the link between two others."""
    members: dict[UUID, list[UUID]] = {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT dossier_id, report_id FROM crosscheck_membership ORDER BY report_id")
        for dossier_id, report_id in cursor.fetchall():
            members.setdefault(dossier_id, []).append(report_id)
    some = chance.sample(max(members.values(), key=len), 12)
    for act, left, right in (
        (JudgementAct.SPLIT, some[:5], some[5:10]),
        (JudgementAct.UNLINK, some[10:11], some[11:]),
    ):
        judgements.judge(
            actor=analyst(1), act=act, left=left, right=right, reason="two people", now=NOW
        )


@pytest.mark.parametrize("seed", [1, 12])
@pytest.mark.parametrize("order", ["as they were received", "beside each other", "any", "reversed"])
def test_crowded_values_stand_as_a_rebuild_finds_them(seed: int, order: str) -> None:
    chance = random.Random(seed)
    sources = crowd(chance)
    if order == "any":
        chance.shuffle(sources)
    elif order == "reversed":
        sources.reverse()
    elif order == "beside each other":
        sources = [
            one for pair in zip(sources[30:60], sources[:30], strict=True) for one in pair
        ] + sources[60:]
    reports = arrive(sources, chance, seen_before=seed * 4)
    stood = stand(reports)
    rebuild(actor=SYSTEM, now=NOW)
    anew = stand(reports)
    assert stood["values"] == anew["values"]
    apart = {
        tuple(sorted(pair)): (stood["links"].get(pair), anew["links"].get(pair))
        for pair in stood["links"].keys() | anew["links"].keys()
        if stood["links"].get(pair) != anew["links"].get(pair)
    }
    assert apart == {}
    assert stood == anew
