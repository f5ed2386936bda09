"""Servers that have no end, lead in a circle or break: each source has its turn all the same."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from msgspec import structs

from fanal.accounts.domain.instructions import InstructionKind
from fanal.connectors import outside, sources
from fanal.exchange import queries
from fanal.exchange.domain.records import ListSource, RemoteEntry, RemotePage, Service
from fanal.worker import list_jobs
from tests.integration.exchange.fetched import (
    GOOD,
    INDICATOR,
    JSON,
    PAGE,
    XML,
    add,
    fetch_due,
    held,
    other,
    serving,
)
from tests.integration.exchange.sharing import SYSTEM, instruct, md5

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.role("worker"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.usefixtures("fetches"),
]


@pytest.mark.parametrize("way", ["a circle of three", "a way on that is unknown at once"])
def test_a_longer_circle_ends(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    instruct(InstructionKind.LIST_FETCH)
    monkeypatch.setattr(list_jobs, "_MOST_PAGES", 50)
    asked: list[str] = []

    def serve(path: str) -> bytes:
        asked.append(path)
        at = int(path.partition("start=")[2] or 0)
        if way == "a circle of three":
            return PAGE.format(GOOD, f"/v2/entries?start={at % 3 + 1}").encode()
        return b"" if at else PAGE.format(GOOD, "/v2/entries?start=1").encode()

    with serving(serve, XML) as url:
        source = add(Service.HASHSHARING, url)
        with pytest.raises(list_jobs.FetchFailed, match="LOOP"):
            list_jobs.fetch_source(actor=SYSTEM, source=source)
    assert len(asked) <= 4
    assert held("mirror") == {md5(1): ""}


def test_what_was_added_together_comes_whole_when_a_way_on_expires() -> None:
    instruct(InstructionKind.LIST_FETCH)
    added = "2026-01-02T10:00:00.000000Z"
    three = [
        INDICATOR | {"id": f"indicator--{n}", "pattern": f"[file:hashes.MD5 = '{md5(n)}']"}
        for n in range(3)
    ]

    def serve(path: str) -> bytes:
        asked = parse_qs(urlsplit(path).query)
        if "next" in asked:
            return b""
        if "added_after" not in asked:
            return json.dumps({"objects": three[:2], "more": True, "next": "old"}).encode()
        later = three if asked["added_after"][0] < added else []
        return json.dumps({"objects": later} if later else {"more": False}).encode()

    with serving(serve, JSON, added=added) as url:
        source = add(Service.TAXII, url, collection="c")
        list_jobs.fetch_source(actor=SYSTEM, source=source)
    assert set(held("mirror")) == {md5(n) for n in range(3)}


def test_one_without_end_keeps_no_other_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    instruct(InstructionKind.LIST_FETCH)
    monkeypatch.setattr(list_jobs, "TURN_SECONDS", 0.3)
    monkeypatch.setattr(list_jobs, "_MOST_PAGES", 2000)

    def serve(path: str) -> bytes:
        at = int(path.partition("start=")[2] or 0) + 1
        fresh = GOOD.replace("<id>x", f"<id>{min(at, most)}")
        return PAGE.format(fresh, f"/v2/entries?start={at}").encode()

    most = 1_000_000
    with serving(serve, XML) as endless, serving(PAGE.format(GOOD, "").encode(), XML) as good:
        first = add(Service.HASHSHARING, endless)
        last = other(good, "the next")
        assert fetch_due() == 2
        reached = queries.get_checkpoint(source_id=first.id)
        assert (reached.error, reached.completed_at) == ("", None)
        assert queries.get_checkpoint(source_id=last.id).completed_at is not None
        assert fetch_due() == 1  # goes on where it was
        again = queries.get_checkpoint(source_id=first.id)
        assert (again.pages > reached.pages, again.error) == (True, "")
        most = 1  # nothing new comes any more, and no end
        assert fetch_due() == 1
        assert queries.get_checkpoint(source_id=first.id).error == "LOOP"
        assert fetch_due() == 0


@pytest.mark.parametrize(("broken", "code"), [("page", "FAILED"), ("secret", "SECRET_SEALED")])
def test_one_that_breaks_stops_no_other(
    monkeypatch: pytest.MonkeyPatch, broken: str, code: str
) -> None:
    instruct(InstructionKind.LIST_FETCH)
    fetched = sources.fetch_page

    def break_first(door: outside.Door, *, source: ListSource, **asked: object) -> RemotePage:
        page = fetched(door, source=source, **asked)
        odd = RemoteEntry(key="\0", values=(("MD5", md5(7)),))
        return page if source.name == "the next" else structs.replace(page, entries=(odd,))

    with serving(PAGE.format(GOOD, "").encode(), XML) as url:
        if broken == "page":
            monkeypatch.setattr(sources, "fetch_page", break_first)
        first = add(Service.HASHSHARING, url, secret="sealed" if broken == "secret" else "")
        if broken == "secret":
            with connection.cursor() as cursor:
                cursor.execute("UPDATE exchange_source SET secret_id = id")
        last = other(url, "the next")
        assert fetch_due() == 2
    assert queries.get_checkpoint(source_id=first.id).error == code
    assert queries.get_checkpoint(source_id=last.id).error == ""
    assert held("mirror") == {md5(1): ""}
