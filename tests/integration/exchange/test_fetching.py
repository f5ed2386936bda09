"""Fanal fetches from a Fanal that serves over HTTP, in one process; and from servers that are none."""

import json
from datetime import timedelta
from importlib import import_module
from uuid import UUID

import pytest
from django.db import connection
from msgspec import structs

from fanal.accounts.domain.instructions import InstructionKind
from fanal.accounts.domain.policy import Refused
from fanal.analyse.material.operations.lists import load_list, withdraw_item, withdraw_items
from fanal.exchange import queries
from fanal.exchange.domain.records import (
    FetchCheckpoint,
    ListSource,
    RemoteEntry,
    RemotePage,
    Service,
    TakenEntry,
)
from fanal.exchange.operations import sources as operations
from fanal.kernel import clock
from fanal.kernel.actors import public_actor
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
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
from tests.integration.exchange.sharing import (
    SYSTEM,
    instruct,
    load,
    make_list,
    md5,
)

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.role("worker"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.usefixtures("fetches"),
]
KINDS = {Service.HASHSHARING: "/hashsharing", Service.TAXII: "/taxii2/lists"}


def fetch(source: ListSource) -> FetchCheckpoint:
    list_jobs.fetch_source(actor=SYSTEM, source=source)
    return queries.get_checkpoint(source_id=source.id)


class TestFanalToFanal:
    @pytest.mark.parametrize("kind", list(KINDS))
    def test_changes_and_tombstones_come_over(
        self, live_server: object, monkeypatch: pytest.MonkeyPatch, kind: Service
    ) -> None:
        from fanal.accounts.operations.partners import add_partner
        from fanal.api import hashsharing
        from fanal.connectors import taxii

        monkeypatch.setattr(hashsharing, "PAGE", 3)
        monkeypatch.setattr(taxii, "_LIMIT", 3)
        instruct(InstructionKind.LIST_SERVICE)
        instruct(InstructionKind.LIST_FETCH)
        made = make_list("alpha", category="C0")
        ids = load("alpha", *[f"{md5(n)},A{n}" for n in range(8)])
        partner = add_partner(actor=SYSTEM, name="Fetcher", now=clock.now())
        source = add(
            kind,
            f"{live_server.url}{KINDS[kind]}",
            collection=str(made) if kind is Service.TAXII else "",
            login=partner.user,
            secret=partner.password,
        )
        behind(monkeypatch)
        assert fetch(source).pages == 3
        assert held("mirror") == held("alpha") == {md5(n): f"A{n}" for n in range(8)}
        again = fetch(source)
        assert (again.taken, again.withdrawn, held("mirror")) == (8, 0, held("alpha"))
        withdraw_items(actor=SYSTEM, name="alpha", item_ids=ids[:2], now=clock.now())
        load("alpha", f"{md5(5)},B", md5(50))
        done = fetch(source)
        assert (done.withdrawn, done.error) == (2, "")
        assert held("mirror") == held("alpha") | {md5(50): "C0"}
        load("alpha", f"{md5(0)},back")
        fetch(source)
        assert held("mirror")[md5(0)] == "back"

    def test_what_the_secret_was_stays_sealed(self) -> None:
        source = add(
            Service.HASHSHARING, "https://lists.example/hashsharing", secret="canary-secret"
        )
        assert operations.secret_of(actor=SYSTEM, source=source, now=clock.now()) == "canary-secret"
        with connection.cursor() as cursor:
            cursor.execute("SELECT s::text FROM exchange_source s")
            assert "canary-secret" not in str(cursor.fetchall())


def behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the fetcher not stay behind the clock: the test does not wait."""
    from fanal.connectors import hashsharing

    monkeypatch.setattr(hashsharing, "MARGIN", -timedelta(seconds=2))


class TestGarbage:
    @pytest.mark.parametrize(
        ("kind", "body", "type_", "status", "code"),
        [
            (Service.HASHSHARING, b"<html>login</html>", "text/html", 200, "FORMAT"),
            (Service.HASHSHARING, PAGE.format(GOOD + "<image/>", "").encode(), XML, 200, "FORMAT"),
            (Service.HASHSHARING, PAGE.format(GOOD, "https://evil.example/").encode(), XML, 200, "NEXT"),
            (Service.HASHSHARING, PAGE.format(GOOD, "//evil.example/v2/entries?").encode(), XML, 200, "NEXT"),
            (Service.HASHSHARING, PAGE.format(GOOD, "@evil.example/v2/entries?").encode(), XML, 200, "NEXT"),
            (Service.HASHSHARING, b"", XML, 500, "STATUS"),
            (Service.HASHSHARING, b"", XML, 401, "NOT_AUTHORISED"),
            (Service.TAXII, b"{}", "application/json", 200, "MEDIA_TYPE"),
            (Service.TAXII, b"[1", JSON, 200, "FORMAT"),
            (Service.TAXII, json.dumps({"objects": [INDICATOR, {"type": "indicator"}]}).encode(), JSON, 200, "FORMAT"),
            (Service.TAXII, json.dumps({"objects": [INDICATOR | {"id": "indicator--\0"}]}).encode(), JSON, 200, "FORMAT"),
            (Service.TAXII, json.dumps({"more": True}).encode(), JSON, 200, "NO_NEXT"),
            (Service.TAXII, json.dumps({"more": True, "next": "x" * 3000}).encode(), JSON, 200, "LOOP"),
        ],
    )  # fmt: skip
    def test_it_changes_nothing_and_is_told(
        self, kind: Service, body: bytes, type_: str, status: int, code: str
    ) -> None:
        instruct(InstructionKind.LIST_FETCH)
        with serving(body, type_, status) as url:
            source = add(kind, url, collection="c" if kind is Service.TAXII else "")
            with pytest.raises(list_jobs.FetchFailed) as failed:
                list_jobs.fetch_source(actor=SYSTEM, source=source)
        assert failed.value.code == code
        found = queries.get_checkpoint(source_id=source.id)
        assert (found.position, found.turn, found.error) == ("", 0, code)
        assert held("mirror") == {}

    def test_more_without_a_way_on_keeps_the_checkpoint(self) -> None:
        """A server that fetches well once, then says that more follows and not where."""
        instruct(InstructionKind.LIST_FETCH)
        added, asked = "2026-01-02T10:00:00.000000Z", list[str]()
        more = {"objects": [INDICATOR], "more": True}

        def serve(path: str) -> bytes:
            asked.append(path)
            return json.dumps(more).encode()

        with serving(json.dumps({"objects": [INDICATOR]}).encode(), JSON, added=added) as url:
            source = add(Service.TAXII, url, collection="c")
            before = fetch(source)
        assert added in before.position
        with serving(serve, JSON) as url:
            moved = structs.replace(source, url=url)
            for _ in range(2):
                with pytest.raises(list_jobs.FetchFailed, match="NO_NEXT"):
                    list_jobs.fetch_source(actor=SYSTEM, source=moved)
        found = queries.get_checkpoint(source_id=source.id)
        assert (found.position, found.turn, found.error) == (before.position, 1, "NO_NEXT")
        assert all("added_after=2026-01-02" in path for path in asked)

    @pytest.mark.parametrize("added", ["0001-01-01T00:00:00Z", "2026-01-01T00:00:00", "today"])
    def test_a_date_from_which_nothing_is_counted_is_none(self, added: str) -> None:
        instruct(InstructionKind.LIST_FETCH)
        more = json.dumps({"objects": [INDICATOR], "more": True}).encode()
        with serving(more, JSON, added=added) as url:
            source = add(Service.TAXII, url, collection="c")
            with pytest.raises(list_jobs.FetchFailed, match="FORMAT"):
                list_jobs.fetch_source(actor=SYSTEM, source=source)

    def test_a_circle_of_pages_ends(self) -> None:
        instruct(InstructionKind.LIST_FETCH)
        body = PAGE.format(GOOD, "/v2/entries?start=1").encode()
        with serving(body, XML) as url:
            source = add(Service.HASHSHARING, url)
            with pytest.raises(list_jobs.FetchFailed) as failed:
                list_jobs.fetch_source(actor=SYSTEM, source=source)
        assert failed.value.code == "LOOP"
        assert held("mirror") == {md5(1): ""}


class TestUnderWhat:
    def test_the_schedule_fetches_under_an_instruction_alone(self) -> None:
        with serving(PAGE.format(GOOD, "").encode(), XML) as url:
            source = add(Service.HASHSHARING, url)
            assert fetch_due() == 0
            with pytest.raises(list_jobs.FetchFailed, match="NO_INSTRUCTION"):
                list_jobs.fetch_source(actor=SYSTEM, source=source)
            assert held("mirror") == {}
            made = instruct(InstructionKind.LIST_FETCH, "mirror")
            assert fetch_due() == 0  # the failure a moment ago is waited out
            with connection.cursor() as cursor:
                cursor.execute("UPDATE exchange_checkpoint SET tried_at = NULL, error = ''")
            assert fetch_due() == 1
            assert fetch_due() == 0
            operations.switch_source(actor=SYSTEM, source=source, enabled=False, now=clock.now())
        assert held("mirror") == {md5(1): ""}
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM ledger_object o JOIN ledger_entry e ON e.id = o.entry_id"
                " WHERE e.action = 'list.fetch' AND o.kind = 'instruction' AND o.object_id = %s",
                [made],
            )
            assert cursor.fetchone() == (1,)

    def test_two_fetchers_never_take_the_same_page(self) -> None:
        source = add(Service.HASHSHARING, "https://lists.example/hashsharing")
        page = RemotePage(
            entries=(RemoteEntry(key="1/x", values=(("MD5", md5(1)),)),),
            position="a",
            finished=True,
        )
        take(source, page, turn=0)
        with pytest.raises(operations.TurnLost):
            take(source, page, turn=0)
        assert queries.get_checkpoint(source_id=source.id).turn == 1

    def test_nobody_else_takes_or_adds(self) -> None:
        source = add(Service.HASHSHARING, "https://lists.example/hashsharing")
        page = RemotePage(entries=(), position="", finished=True)
        for call in (
            lambda: operations.take_page(
                actor=public_actor(), source=source, page=page, turn=0, under=None, now=clock.now()
            ),
            lambda: operations.add_source(actor=public_actor(), source=source, now=clock.now()),
            lambda: queries.list_sources(actor=public_actor()),
        ):
            with pytest.raises(Refused):
                call()


def take(source: ListSource, page: RemotePage, *, turn: int) -> None:
    operations.take_page(
        actor=SYSTEM, source=source, page=page, turn=turn, under=None, now=clock.now()
    )


def told(kind: Service, *, deleted: bool) -> bytes:
    """Return a page with one entry: the first with its tombstone of noon, the last as it was at ten."""
    if kind is Service.TAXII:
        at = "2026-01-02T12:00:00Z" if deleted else "2026-01-02T10:00:00Z"
        more = {"more": True, "next": "1"} if deleted else {}
        return json.dumps(
            {"objects": [INDICATOR | {"modified": at, "revoked": deleted}]} | more
        ).encode()
    if deleted:
        gone = GOOD.replace("image>", "deletedImage>").partition("<fingerprints>")[0]
        gone += "<timestamp>2026-01-02T12:00:00Z</timestamp></deletedImage>"
        return PAGE.format(gone, "/v2/entries?start=1").encode()
    dated = GOOD.replace("</id>", "</id><timestamp>2026-01-02T10:00:00Z</timestamp>")
    return PAGE.format(dated, "").encode()


def taken(source: ListSource, key: str) -> dict[str, TakenEntry]:
    return queries.taken_entries(source_id=source.id, keys=[key])


class TestTaking:
    def test_a_value_that_two_entries_hold_stays_while_one_does(self) -> None:
        source = add(Service.HASHSHARING, "https://lists.example/hashsharing")
        both = (("MD5", md5(1)),)
        pages = [
            (RemoteEntry(key="1/a", values=both), RemoteEntry(key="2/b", values=both)),
            (RemoteEntry(key="1/a", values=(), deleted=True),),
            (RemoteEntry(key="2/b", values=(("MD5", md5(2)),)),),
            (RemoteEntry(key="2/b", values=(), deleted=True), RemoteEntry(key="9/z", values=(), deleted=True)),
        ]  # fmt: skip
        seen = []
        for turn, entries in enumerate(pages):
            take(source, RemotePage(entries=entries, position="", finished=True), turn=turn)
            seen.append(sorted(held("mirror")))
        assert seen == [[md5(1)], [md5(1)], [md5(2)], []]

    def test_what_two_sources_of_a_list_hold_stays_while_one_does(self) -> None:
        first = add(Service.HASHSHARING, "https://lists.example/hashsharing")
        second = other("https://others.example/hashsharing", "the next")
        both, gone = (("MD5", md5(1)),), RemoteEntry(key="1/a", values=(), deleted=True)
        seen = []
        for source, turn, entry in (
            (first, 0, RemoteEntry(key="1/a", values=both, classification="A")),
            (second, 0, RemoteEntry(key="7/z", values=(*both, ("MD5", md5(2))))),
            (first, 1, gone),
            (first, 2, RemoteEntry(key="1/a", values=both)),
            (second, 1, RemoteEntry(key="7/z", values=(("MD5", md5(2)),))),
            (first, 3, gone),
        ):
            take(source, RemotePage(entries=(entry,), position="", finished=True), turn=turn)
            seen.append(sorted(held("mirror")))
        one, two = md5(1), md5(2)
        assert seen == [[one], [one, two], [one, two], [one, two], [one, two], [two]]

    def test_what_is_valid_no_longer_is_withdrawn(self) -> None:
        instruct(InstructionKind.LIST_FETCH)
        said = [dict(INDICATOR)]
        with serving(lambda _: json.dumps({"objects": said}).encode(), JSON) as url:
            source = add(Service.TAXII, url, collection="c")
            seen = []
            for until in (None, "2026-01-02T00:00:00Z", "2126-01-02T00:00:00Z", "never"):
                said[0]["valid_until"] = until
                done = fetch(source)
                seen.append(list(held("mirror")))
        assert (seen, done.withdrawn) == ([[md5(1)], [], [md5(1)], [md5(1)]], 1)

    @pytest.mark.parametrize("kind", list(KINDS))
    def test_pages_come_in_any_order(self, kind: Service) -> None:
        """A tombstone first, then the page that still tells the entry; the partner's dates decide."""
        instruct(InstructionKind.LIST_FETCH)
        pages = {"": told(kind, deleted=True), "start=1": told(kind, deleted=False)}

        def serve(path: str) -> bytes:
            later = "start=1" in path or "next=1" in path
            return pages["start=1" if later else ""]

        with serving(serve, XML if kind is Service.HASHSHARING else JSON) as url:
            source = add(kind, url, collection="c" if kind is Service.TAXII else "")
            done = fetch(source)
        assert (done.pages, done.error) == (2, "")
        assert held("mirror") == {}

    def test_what_a_person_withdrew_stays_so_while_the_source_holds_it(self) -> None:
        source = add(Service.HASHSHARING, "https://lists.example/hashsharing")
        wrong = (("MD5", md5(1)),)
        entries = [RemoteEntry(key=key, values=wrong) for key in ("1/a", "1/b")]
        take(source, RemotePage(entries=tuple(entries), position="", finished=True), turn=0)
        [item] = {t.item_id for t in taken(source, "1/a").values()}
        assert withdraw_item(actor=SYSTEM, name="mirror", item_id=item, now=clock.now())
        for turn, entry in enumerate(
            (
                RemoteEntry(key="1/b", values=(), deleted=True),
                RemoteEntry(key="1/a", values=wrong, classification="B"),
                RemoteEntry(key="1/a", values=(*wrong, ("SHA1", "1" * 40)), classification="B"),
            ),
            start=1,
        ):
            take(source, RemotePage(entries=(entry,), position="", finished=True), turn=turn)
            assert md5(1) not in held("mirror")
        assert held("mirror") == {"1" * 40: "B"}
        for turn, values in enumerate(
            [(), wrong], start=4
        ):  # the source itself took it back, and said it anew
            entry = RemoteEntry(key="1/a", values=values, deleted=not values)
            take(source, RemotePage(entries=(entry,), position="", finished=True), turn=turn)
        assert held("mirror") == {md5(1): ""}

    def test_what_people_add_leaves_by_people_alone(self) -> None:
        source = add(Service.HASHSHARING, "https://lists.example/hashsharing")
        load("mirror", md5(5))
        held_first = [("MD5", md5(5)), ("SHA1", "5" * 40)]
        told = (
            RemoteEntry(key="1/a", values=(("MD5", md5(1)), ("SHA256", "1" * 64))),
            RemoteEntry(key="1/b", values=(("MD5", md5(2)),)),
            RemoteEntry(key="1/c", values=tuple(held_first)),
        )
        take(source, RemotePage(entries=told, position="", finished=True), turn=0)
        lines = ["md5,sha1", f"{md5(1)},{'a' * 40}", f"{md5(3)},{'b' * 40}"]
        [joined, alone] = load_list(actor=SYSTEM, name="mirror", lines=lines, now=clock.now())
        assert joined in {t.item_id for t in taken(source, "1/a").values()}
        again = tuple(RemoteEntry(key=e.key, values=e.values, classification="B") for e in told)
        gone = tuple(RemoteEntry(key=e.key, values=(), deleted=True) for e in told)
        for turn, entries in enumerate((again, gone), start=1):
            take(source, RemotePage(entries=entries, position="", finished=True), turn=turn)
        theirs = {md5(5), md5(1), md5(3), "a" * 40, "b" * 40}
        assert set(held("mirror")) == theirs
        take(source, RemotePage(entries=told, position="", finished=True), turn=3)
        take(source, RemotePage(entries=gone, position="", finished=True), turn=4)
        assert set(held("mirror")) == theirs
        withdraw_items(actor=SYSTEM, name="mirror", item_ids=[joined, alone], now=clock.now())
        assert set(held("mirror")) == {md5(5)}

    def test_what_stood_before_it_was_known_whose_is_told_apart(self) -> None:
        source = add(Service.HASHSHARING, "https://lists.example/hashsharing")
        told = RemoteEntry(key="1/a", values=(("MD5", md5(1)),))
        take(source, RemotePage(entries=(told,), position="", finished=True), turn=0)
        load_list(
            actor=SYSTEM,
            name="mirror",
            lines=["md5,sha1", f"{md5(1)},{'a' * 40}"],
            now=clock.now(),
        )
        make_list("other")
        load("other", md5(1))
        migration = import_module("fanal.exchange.migrations.0005_own_values")
        with connection.cursor() as cursor:
            cursor.execute("UPDATE analyse_entry SET own = true")
            cursor.execute(migration.FORWARD)
            cursor.execute("SELECT value FROM analyse_entry WHERE NOT own")
            assert cursor.fetchall() == [(md5(1),)]
        gone = RemoteEntry(key="1/a", values=(), deleted=True)
        take(source, RemotePage(entries=(gone,), position="", finished=True), turn=1)
        assert set(held("mirror")) == {"a" * 40}
        assert set(held("other")) == {md5(1)}

    def test_several_values_of_a_kind_are_several_items(self) -> None:
        source = add(Service.TAXII, "https://lists.example/taxii2/lists", collection="c")
        three = tuple(("MD5", md5(n)) for n in range(3))
        entries = (RemoteEntry(key="i", values=(*three, ("SHA1", "1" * 40)), classification="A"),)
        take(source, RemotePage(entries=entries, position="", finished=True), turn=0)
        assert set(held("mirror")) == {*(md5(n) for n in range(3)), "1" * 40}
        gone = (RemoteEntry(key="i", values=three[:1]),)
        take(source, RemotePage(entries=gone, position="", finished=True), turn=1)
        assert held("mirror") == {md5(0): ""}


class TestSources:
    @pytest.mark.parametrize(
        ("said", "code"),
        [
            ({"url": "http://lists.example/"}, "NOT_HTTPS"), ({"url": "ftp://lists.example/"}, "NOT_HTTPS"),
            ({"url": "https://user:pass@lists.example/"}, "ADDRESS"), ({"url": "https://"}, "ADDRESS"),
            ({"url": "https://lists.example/?a=b"}, "ADDRESS"), ({"url": "https://lists.example/#a"}, "ADDRESS"),
            ({"url": "https://[::1"}, "ADDRESS"), ({"url": "https://a b/"}, "ADDRESS"), ({"url": "x" * 600}, "ADDRESS"),
            ({"url": "https://lists.example:99999/"}, "ADDRESS"), ({"url": "https://lists.example\\@evil.example/"}, "ADDRESS"),
            ({"name": ""}, "NAME"), ({"name": "a\nb"}, "NAME"), ({"name": "x" * 101}, "NAME"),
            ({"collection": "c"}, "COLLECTION"), ({"kind": Service.TAXII}, "COLLECTION"),
            ({"kind": Service.TAXII, "collection": "../c"}, "COLLECTION"), ({"login": "a:b"}, "SECRET"),
            ({"login": "a\r\nX: y"}, "SECRET"), ({"list_id": UUID(int=1)}, "LIST"),
        ],
    )  # fmt: skip
    def test_what_cannot_be_one(self, said: dict[str, object], code: str) -> None:
        base = {
            "id": new_id(clock.now()),
            "name": "s",
            "kind": Service.HASHSHARING,
            "url": "https://lists.example/hashsharing",
            "list_id": make_list("mirror"),
            "added_at": clock.now(),
        }
        with pytest.raises(Refusal) as refused:
            operations.add_source(actor=SYSTEM, source=ListSource(**base | said), now=clock.now())
        assert refused.value.code == code
