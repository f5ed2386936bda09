"""What a partner says with an end leaves on that day, without being said again."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection
from msgspec import structs

from fanal.accounts.domain.policy import Refused
from fanal.analyse.material.domain.lists import Item
from fanal.analyse.material.operations import lists
from fanal.analyse.material.operations.list_imports import take_items
from fanal.analyse.material.operations.lists import add_items, withdraw_item
from fanal.analyse.material.queries.entries import items_of_list
from fanal.analyse.material.queries.lists import find_list
from fanal.exchange import queries
from fanal.exchange.domain.records import ListSource, RemoteEntry, RemotePage, Service
from fanal.exchange.operations import sources as operations
from fanal.kernel import clock
from fanal.kernel.actors import public_actor
from fanal.worker import list_jobs
from tests.integration.exchange.fetched import INDICATOR, JSON, add, held, other, serving
from tests.integration.exchange.sharing import SYSTEM, md5

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.role("worker"),
    pytest.mark.usefixtures("fetches"),
]
NOON = clock.now()
LATER = NOON + timedelta(days=2)


def take(source: ListSource, *entries: RemoteEntry) -> None:
    turn = queries.get_checkpoint(source_id=source.id).turn
    page = RemotePage(entries=entries, position="", finished=True)
    operations.take_page(
        actor=SYSTEM, source=source, page=page, turn=turn, under=None, now=clock.now()
    )


def entry(key: str, number: int, *, days: int | None) -> RemoteEntry:
    until = None if days is None else NOON + timedelta(days=days)
    return RemoteEntry(key=key, values=(("MD5", md5(number)),), at=NOON, until=until)


def put(*items: Item) -> None:
    """Load what a file of people says into the list of the sources."""
    add_items(actor=SYSTEM, name="mirror", items=items, now=clock.now())


def item(*numbers: int, days: int | None) -> Item:
    kinds = ("MD5", "SHA1")
    values = {kinds[i]: f"{number:0{32 + 8 * i}x}" for i, number in enumerate(numbers)}
    return Item(values=values, until=None if days is None else NOON + timedelta(days=days))


def end_loaded(now: object = LATER) -> int:
    return operations.end_loaded(actor=SYSTEM, now=now)


def end(source: ListSource, now: object = LATER) -> int:
    return operations.end_entries(actor=SYSTEM, source=source, now=now)


@pytest.fixture
def source() -> ListSource:
    return add(Service.TAXII, "https://lists.example/taxii2/lists", collection="c")


def test_an_end_that_lies_ahead_comes(source: ListSource) -> None:
    take(
        source,
        entry("a", 1, days=1),
        entry("b", 2, days=2),
        entry("c", 3, days=3),
        entry("d", 4, days=None),
    )
    assert end(source, NOON) == 0
    assert end(source) == 2
    assert set(held("mirror")) == {md5(3), md5(4)}
    assert end(source) == 0
    checkpoint = queries.get_checkpoint(source_id=source.id)
    assert (checkpoint.taken, checkpoint.withdrawn, checkpoint.turn) == (4, 2, 1)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT o.kind, count(*) FROM ledger_object o JOIN ledger_entry e ON e.id = o.entry_id"
            " WHERE e.action = 'list.end' GROUP BY o.kind"
        )
        assert dict(cursor.fetchall()) == {"source": 1, "list": 1, "list_item": 2}


def test_what_is_prolonged_comes_back_and_what_is_shortened_goes(source: ListSource) -> None:
    take(source, entry("a", 1, days=1), entry("b", 2, days=9))
    end(source)
    take(source, entry("a", 1, days=1))
    take(source, entry("a", 1, days=9), entry("b", 2, days=1))
    assert set(held("mirror")) == {md5(1), md5(2)}
    end(source)
    assert set(held("mirror")) == {md5(1)}


def test_a_value_that_another_entry_holds_stays(source: ListSource) -> None:
    second = other("https://others.example/hashsharing", "the next")
    take(source, entry("a", 1, days=1), entry("b", 1, days=None), entry("c", 2, days=1))
    take(second, entry("z", 2, days=None))
    assert end(source) == 2
    assert set(held("mirror")) == {md5(1), md5(2)}


def test_what_a_person_withdrew_and_what_ended_since_are_one(source: ListSource) -> None:
    take(source, entry("a", 1, days=1))
    [item] = {t.item_id for t in queries.taken_entries(source_id=source.id, keys=["a"]).values()}
    assert withdraw_item(actor=SYSTEM, name="mirror", item_id=item, now=clock.now())
    assert (end(source), held("mirror")) == (1, {})


def test_many_end_in_portions(source: ListSource, monkeypatch: pytest.MonkeyPatch) -> None:
    from fanal.exchange.operations import sources

    monkeypatch.setattr(sources, "_PORTION", 2)
    take(source, *(entry(str(n), n, days=1) for n in range(5)))
    assert (end(source), held("mirror")) == (5, {})


def test_nobody_else_ends_anything(source: ListSource) -> None:
    with pytest.raises(Refused):
        operations.end_entries(actor=public_actor(), source=source, now=LATER)


def test_what_people_loaded_with_an_end_leaves_and_comes_back_prolonged(
    source: ListSource, monkeypatch: pytest.MonkeyPatch
) -> None:

    monkeypatch.setattr(lists, "_ENDS_PORTION", 2)
    put(*(item(n, 100 + n, days=1) for n in range(3)), item(8, days=3), item(9, days=None))
    assert end_loaded(NOON) == 0
    assert (end_loaded(), end_loaded()) == (6, 0)
    assert set(held("mirror")) == {md5(8), md5(9)}
    put(item(1, days=3), item(8, days=1))
    assert (end_loaded(), set(held("mirror"))) == (1, {md5(1), md5(9)})
    put(item(9, days=1))
    put(item(9, days=None))
    assert (end_loaded(), set(held("mirror"))) == (0, {md5(1), md5(9)})


@pytest.mark.parametrize("first", ["source", "people"])
def test_at_the_end_of_people_the_source_keeps_what_it_holds_and_takes_it_back(
    source: ListSource, first: str
) -> None:
    said = [lambda: take(source, entry("a", 1, days=9), entry("b", 2, days=None))]
    said.insert(first == "source", lambda: put(item(1, days=1), item(2, 3, days=1)))
    for say in said:
        say()
    assert end_loaded() == 3
    assert set(held("mirror")) == {md5(1), md5(2)}
    assert end_loaded() == 0
    gone = RemoteEntry(key="b", values=(), deleted=True, at=clock.now())
    take(source, gone)
    assert set(held("mirror")) == {md5(1)}
    assert (end(source, NOON + timedelta(days=9)), held("mirror")) == (1, {})


def test_what_a_source_says_keeps_the_end_of_people(source: ListSource) -> None:
    """Another class from the source, and its tombstone: neither prolongs what a file said."""
    put(item(1, days=1))
    take(source, entry("a", 1, days=None))
    take(source, structs.replace(entry("a", 1, days=None), classification="A1"))
    take(source, RemoteEntry(key="a", values=(), deleted=True, at=clock.now()))
    assert set(held("mirror")) == {md5(1)}
    assert (end_loaded(), held("mirror")) == (1, {})


def test_nobody_else_ends_what_was_loaded(source: ListSource) -> None:
    with pytest.raises(Refused):
        operations.end_loaded(actor=public_actor(), now=LATER)


def test_the_schedule_ends_what_a_bundle_brought(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fanal.cli.lists import LeftOut, read_indicators

    bundle = tmp_path / "bundle.json"
    until = f"{NOON + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
    more = {"id": "indicator--2", "pattern": f"[file:hashes.MD5 = '{md5(2)}']"}
    said = [INDICATOR | {"valid_until": until}, INDICATOR | more]
    bundle.write_text(json.dumps({"type": "bundle", "objects": said}))
    for _ in range(2):
        told = LeftOut(country="", categories=(), harmless=False)
        with read_indicators(bundle, "stix", told) as found:
            take_items(actor=SYSTEM, name="mirror", found=found, now=clock.now())
    assert (list_jobs.end_due(actor=SYSTEM), set(held("mirror"))) == (0, {md5(1), md5(2)})
    listed = find_list(name="mirror").id
    ends = {i.values["MD5"]: i.until for i in items_of_list(list_id=listed)}
    assert ends == {md5(1): datetime.fromisoformat(until), md5(2): None}
    monkeypatch.setattr(clock, "now", lambda: LATER)
    assert (list_jobs.end_due(actor=SYSTEM), set(held("mirror"))) == (1, {md5(2)})


def test_the_schedule_ends_what_was_fetched_over_taxii(monkeypatch: pytest.MonkeyPatch) -> None:
    """The source is off and no instruction is in force any more."""
    ends = [{"valid_until": f"{NOON + timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}"} for days in (1, 3)]
    later = [
        INDICATOR | {"id": f"indicator--{n}", "pattern": f"[file:hashes.MD5 = '{md5(n)}']"} | said
        for n, said in enumerate(ends)
    ]
    with serving(json.dumps({"objects": later}).encode(), JSON) as url:
        source = add(Service.TAXII, url, collection="c")
        list_jobs.fetch_source(actor=SYSTEM, source=source, by_person=True)
    operations.switch_source(actor=SYSTEM, source=source, enabled=False, now=clock.now())
    assert (list_jobs.end_due(actor=SYSTEM), len(held("mirror"))) == (0, 2)
    monkeypatch.setattr(clock, "now", lambda: LATER)
    assert (list_jobs.end_due(actor=SYSTEM), set(held("mirror"))) == (1, {md5(1)})


@pytest.mark.parametrize(
    "said",
    [
        {"valid_until": "9999-12-31T23:59:59Z"},
        {"valid_until": "9999-12-31T23:59:59.999999Z"},
        {"valid_until": "9999-12-31T00:00:00-12:00"},
        {"modified": "0001-01-01T00:00:00Z", "created": "0001-01-01T00:00:00Z"},
        {"modified": "9999-12-31T23:59:59Z"},
    ],
)
def test_for_ever_and_the_first_day_of_all_are_taken(said: dict[str, str], tmp_path: Path) -> None:
    from fanal.cli.lists import LeftOut, read_indicators

    bundle = tmp_path / "bundle.json"
    bundle.write_text(json.dumps({"type": "bundle", "objects": [INDICATOR | said]}))
    with serving(json.dumps({"objects": [INDICATOR | said]}).encode(), JSON) as url:
        source = add(Service.TAXII, url, collection="c")
        list_jobs.fetch_source(actor=SYSTEM, source=source, by_person=True)
    assert set(held("mirror")) == {md5(1)}
    told = LeftOut(country="", categories=(), harmless=False)
    with read_indicators(bundle, "stix", told) as found:
        take_items(actor=SYSTEM, name="mirror", found=found, now=clock.now())
    listed = find_list(name="mirror").id
    assert [i.until for i in items_of_list(list_id=listed)] == [None]
