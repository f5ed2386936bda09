"""Dossiers whose uncertain links are certain together become one in the similarity search, in any order."""

import random
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from fanal.crosscheck.domain.records import JudgementAct
from fanal.crosscheck.dossiers.queries import dossier_of
from fanal.crosscheck.links.queries import links_of
from fanal.crosscheck.operations.batch import crosscheck_batch
from fanal.crosscheck.operations.judge import judge
from fanal.crosscheck.operations.rebuild import rebuild
from fanal.crosscheck.similar.operations.near import renew_near
from fanal.harmonise.domain.records import Source
from fanal.harmonise.operations.batch import harmonise_batch
from fanal.kernel.actors import Role, system_actor
from fanal.kernel.ids import new_id
from tests.actors import desk_actor

pytestmark = [pytest.mark.django_db, pytest.mark.role("worker")]
NOW = datetime(2026, 11, 26, 10, 0, tzinfo=UTC)
SYSTEM = system_actor("test")
ANALYST = desk_actor(person_id=uuid.uuid4(), roles={Role.ANALYST}, desks={1}, motive="test")
DEVICE, PAGE = "8f2c1a77-03d1-4a4e-9d38-1f0c5b6a9e11", "https://pages.example/room/8842917"


@pytest.fixture(autouse=True)
def keys(installed_keys: None) -> None:
    """The ledger signs, the search makes digests."""


def report(name: str, **beside: object) -> dict[str, object]:
    """A report about the account `name`; `beside` are further fields of its suspect, or `urls`."""
    urls = {"urls": beside.pop("urls")} if "urls" in beside else {}
    handles = [{"platform": "Chatline", "value": name}]
    suspect = {"role": "SUSPECT", "handles": handles, **beside}
    return {"kind": "GROOMING", "persons": [suspect], "occurred_at": NOW.isoformat(), **urls}


BODIES = [
    report("red_kite41", devices=[DEVICE]),
    report("red_kite41", urls=[PAGE]),
    report("grey_owl77", devices=[DEVICE]),
    report("grey_owl77", urls=[PAGE]),
]


def arrive(bodies: Sequence[dict[str, object]]) -> list[uuid.UUID]:
    """Link reports one by one; return their ids in the order of `bodies`."""
    ids = []
    for number, body in enumerate(bodies):
        source = Source(
            report_id=new_id(NOW + timedelta(seconds=number)),
            desk_id=1,
            format="report/1",
            body=msgspec.json.encode(body | {"reference": f"R-{number}"}),
            received_at=NOW,
        )
        found, failures = harmonise_batch(actor=SYSTEM, sources=[source], now=NOW)
        assert failures == []
        crosscheck_batch(actor=SYSTEM, reports=found, now=NOW)
        ids.append(source.report_id)
    return ids


def search() -> None:
    while renew_near(actor=SYSTEM, now=NOW):
        pass


def dossier(report_id: uuid.UUID) -> uuid.UUID | None:
    return dossier_of(actor=ANALYST, report_id=report_id)


def dossiers(ids: Sequence[uuid.UUID]) -> set[uuid.UUID | None]:
    return {dossier(report_id) for report_id in ids}


@pytest.mark.parametrize("seed", range(3))
def test_a_device_and_a_page_join_two_dossiers(seed: int) -> None:
    bodies = list(BODIES)
    random.Random(seed).shuffle(bodies)
    ids = arrive(bodies)
    assert len(dossiers(ids)) == 2
    search()
    assert len(dossiers(ids)) == 1
    links = [link for one in ids for link in links_of(actor=ANALYST, report_id=one)]
    (together,) = {
        (link.score, reason.weight)
        for link in links
        for reason in link.reasons
        if reason.kind == "TOGETHER"
    }
    assert together[0] is not None
    assert together[0] >= 0.9
    rebuild(actor=SYSTEM, now=NOW)
    search()
    assert len(dossiers(ids)) == 1


@pytest.mark.parametrize("seed", range(3))
def test_a_device_and_a_similar_user_name_join_two_dossiers(seed: int) -> None:
    bodies = [
        report("red_kite4187", devices=[DEVICE]),
        report("red_kite4187_2", devices=[DEVICE]),
        report("grey_owl77", devices=[DEVICE]),
    ]
    random.Random(seed).shuffle(bodies)
    ids = arrive(bodies)
    search()
    assert len(dossiers(ids) - {None}) == 1
    (link,) = {
        (link.score, tuple((reason.kind, reason.value) for reason in link.reasons))
        for one in ids
        for link in links_of(actor=ANALYST, report_id=one)
        if any(reason.kind == "TOGETHER" for reason in link.reasons)
    }
    assert link[0] is not None
    assert link[0] >= 0.9
    assert ("DEVICE", DEVICE) in link[1]
    assert ("NEAR_HANDLE", "") in link[1]
    assert sum(each is None for each in map(dossier, ids)) == 1  # the third account
    rebuild(actor=SYSTEM, now=NOW)
    search()
    assert len(dossiers(ids) - {None}) == 1


@pytest.mark.parametrize("others", [False, True])
def test_a_line_joins_two_reports_that_share_nothing_else(*, others: bool) -> None:
    """Unless a third report of the line has another account than the first."""
    line = {"ips": [{"value": "192.0.2.7", "port": 40117, "at": NOW.isoformat()}]}
    mailbox = {"kind": "GROOMING", "occurred_at": NOW.isoformat()}
    suspect = {"role": "SUSPECT", "emails": ["brin.delune@mail.test"], **line}
    bodies = [report("red_kite41", **line), mailbox | {"persons": [suspect]}]
    if others:
        bodies.append(report("grey_owl77", **line))
    random.Random(1).shuffle(bodies)
    ids = arrive(bodies)
    search()
    links = [link for one in ids for link in links_of(actor=ANALYST, report_id=one)]
    if others:
        assert (links, dossiers(ids)) == ([], {None})
        return
    assert len(dossiers(ids)) == 1
    assert None not in dossiers(ids)
    assert {tuple(reason.kind for reason in link.reasons) for link in links} == {
        ("NEAR_LINE", "TOGETHER")
    }


@pytest.mark.parametrize("others", [10, 11])
def test_a_user_name_that_comes_back_and_a_frequent_name_join_nobody(others: int) -> None:
    """The name is frequent with the two dossiers and `others`: above twelve."""

    def named(**beside: object) -> dict[str, object]:
        suspect = {"role": "SUSPECT", "name": "Brin Delune", **beside}
        return {"kind": "GROOMING", "persons": [suspect], "occurred_at": NOW.isoformat()}

    long_ago = {"occurred_at": (NOW - timedelta(weeks=30)).isoformat()}
    ids = arrive(
        [
            *(named(emails=[f"kite{n}{n}7@mail.test"]) for n in range(others)),
            report("red_kite41", emails=["first41@mail.test"]) | long_ago,
            named(emails=["first41@mail.test"]) | long_ago,
            report("red_kite41", emails=["second77@mail.test"]),
            named(emails=["second77@mail.test"]),
        ]
    )
    mine = ids[others:]
    assert len(dossiers(mine)) == 2
    search()
    assert len(dossiers(mine)) == (1 if others == 10 else 2)


def test_one_kind_of_value_joins_nobody() -> None:
    ids = arrive([*BODIES[:3], report("grey_owl77")])
    search()
    assert len(dossiers(ids)) == 2


def test_what_a_person_separated_stays_apart() -> None:
    ids = arrive(BODIES)
    judge(
        actor=ANALYST,
        act=JudgementAct.UNLINK,
        left=[ids[1]],
        right=[ids[3]],
        reason="Two people of one page.",
        now=NOW,
    )
    search()
    assert len(dossiers(ids)) == 2
