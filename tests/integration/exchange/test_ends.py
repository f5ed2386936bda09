"""What a partner says with an end leaves on that day, without being said again."""

import json
from datetime import timedelta

import pytest
from django.db import connection

from fanal.accounts.domain.policy import Refused
from fanal.analyse import operations as analyse
from fanal.exchange import operations, queries
from fanal.exchange.domain.records import RemoteEntry, RemotePage, Service, Source
from fanal.kernel import clock
from fanal.kernel.actors import public_actor
from fanal.worker import fetching
from tests.integration.exchange.fetched import INDICATOR, JSON, add, held, other, serving
from tests.integration.exchange.sharing import SYSTEM, md5

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.role("worker"),
    pytest.mark.usefixtures("fetches"),
]
NOON = clock.now()
LATER = NOON + timedelta(days=2)


def take(source: Source, *entries: RemoteEntry) -> None:
    turn = queries.get_checkpoint(source_id=source.id).turn
    page = RemotePage(entries=entries, position="", finished=True)
    operations.take_page(
        actor=SYSTEM, source=source, page=page, turn=turn, under=None, now=clock.now()
    )


def entry(key: str, number: int, *, days: int | None) -> RemoteEntry:
    until = None if days is None else NOON + timedelta(days=days)
    return RemoteEntry(key=key, values=(("MD5", md5(number)),), at=NOON, until=until)


def end(source: Source, now: object = LATER) -> int:
    return operations.end_entries(actor=SYSTEM, source=source, now=now)


@pytest.fixture
def source() -> Source:
    return add(Service.TAXII, "https://lists.example/taxii2/lists", collection="c")


def test_an_end_that_lies_ahead_comes(source: Source) -> None:
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


def test_what_is_prolonged_comes_back_and_what_is_shortened_goes(source: Source) -> None:
    take(source, entry("a", 1, days=1), entry("b", 2, days=9))
    end(source)
    take(source, entry("a", 1, days=1))
    take(source, entry("a", 1, days=9), entry("b", 2, days=1))
    assert set(held("mirror")) == {md5(1), md5(2)}
    end(source)
    assert set(held("mirror")) == {md5(1)}


def test_a_value_that_another_entry_holds_stays(source: Source) -> None:
    second = other("https://others.example/hashsharing", "the next")
    take(source, entry("a", 1, days=1), entry("b", 1, days=None), entry("c", 2, days=1))
    take(second, entry("z", 2, days=None))
    assert end(source) == 2
    assert set(held("mirror")) == {md5(1), md5(2)}


def test_what_a_person_withdrew_and_what_ended_since_are_one(source: Source) -> None:
    take(source, entry("a", 1, days=1))
    [item] = {t.item_id for t in queries.taken_entries(source_id=source.id, keys=["a"]).values()}
    assert analyse.withdraw_item(actor=SYSTEM, name="mirror", item_id=item, now=clock.now())
    assert (end(source), held("mirror")) == (1, {})


def test_many_end_in_portions(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    from fanal.exchange.operations import taking

    monkeypatch.setattr(taking, "_PORTION", 2)
    take(source, *(entry(str(n), n, days=1) for n in range(5)))
    assert (end(source), held("mirror")) == (5, {})


def test_nobody_else_ends_anything(source: Source) -> None:
    with pytest.raises(Refused):
        operations.end_entries(actor=public_actor(), source=source, now=LATER)


def test_the_schedule_ends_what_was_fetched_over_taxii(monkeypatch: pytest.MonkeyPatch) -> None:
    """The source is off and no instruction is in force any more."""
    ends = [{"valid_until": f"{NOON + timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}"} for days in (1, 3)]
    later = [
        INDICATOR | {"id": f"indicator--{n}", "pattern": f"[file:hashes.MD5 = '{md5(n)}']"} | said
        for n, said in enumerate(ends)
    ]
    with serving(json.dumps({"objects": later}).encode(), JSON) as url:
        source = add(Service.TAXII, url, collection="c")
        fetching.fetch_source(actor=SYSTEM, source=source, by_person=True)
    operations.switch_source(actor=SYSTEM, source=source, enabled=False, now=clock.now())
    assert (fetching.end_due(actor=SYSTEM), len(held("mirror"))) == (0, 2)
    monkeypatch.setattr(clock, "now", lambda: LATER)
    assert (fetching.end_due(actor=SYSTEM), set(held("mirror"))) == (1, {md5(1)})
