"""What a member was told and may know no more is told as gone: a list that closed, a list under its former owner."""

from datetime import UTC, timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client

from fanal.accounts.domain.instructions import InstructionKind
from fanal.accounts.operations.instructions import revoke_instruction
from fanal.accounts.queries.people import actor_for, find_user
from fanal.analyse.material.domain.lists import ListAttributes, Sharing
from fanal.analyse.material.operations.list_imports import describe_list
from fanal.analyse.material.operations.lists import withdraw_item
from fanal.api import hashsharing
from fanal.connectors import outside, sources
from fanal.exchange import queries
from fanal.exchange.domain.records import ListSource, Service
from fanal.exchange.operations.sources import take_page
from fanal.formats.hashsharing import read_page
from fanal.kernel import clock
from tests.integration.exchange.fetched import add, held
from tests.integration.exchange.sharing import (
    BASIS,
    SYSTEM,
    instruct,
    load,
    make_list,
    make_member,
    md5,
)

pytestmark = pytest.mark.django_db
SERVE = InstructionKind.LIST_SERVICE
HASHES, TAXII = "/hashsharing", "/taxii2/lists/"


class Reader:
    """A client of hash sharing that keeps what it was told by member and id, and its checkpoint."""

    def __init__(self, client: Client) -> None:
        self.client, self.known, self.since = client, dict[str, str](), ""

    def read(self) -> list[int]:
        """Read what came since the last time; return how many entries each page told as there and as gone."""
        later()
        until = _clock()
        path = f"/v2/entries?from={self.since or '1970-01-01T00:00:00Z'}&to={until}"
        told = []
        while path:
            answer = self.client.get(HASHES + path)
            assert answer.status_code == 200, answer.content
            page = read_page(answer.content)
            for entry in page.entries:
                key = f"{entry.member.id}-{entry.id}"
                self.known.pop(key, None)
                if not entry.deleted:
                    self.known[key] = entry.fingerprints["md5"]
                told.append(entry.deleted)
            path = page.next
        self.since = until
        return [told.count(False), told.count(True)]


def later() -> None:
    """Let ten seconds pass on the clock of the feed: readers ask by the second."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE exchange_clock SET at = greatest(at, now()) + interval '10 seconds'")


def _clock() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT at FROM exchange_clock")
        [(at,)] = cursor.fetchall()
    return f"{at - timedelta(seconds=2):%Y-%m-%dT%H:%M:%SZ}"


def describe(name: str, **said: object) -> None:
    attributes = ListAttributes(**{"legal_basis": BASIS} | said)
    describe_list(actor=SYSTEM, name=name, attributes=attributes, now=clock.now())
    connection.check_constraints()


def revoke(instruction: UUID) -> None:
    supervisor = actor_for(user=find_user(username="proposer"), now=clock.now())
    revoke_instruction(
        actor=supervisor, instruction_id=instruction, reason="Stop.", now=clock.now()
    )


@pytest.fixture
def reader(member: Client, monkeypatch: pytest.MonkeyPatch) -> Reader:
    """A member that has read two lists, by small pages."""
    monkeypatch.setattr(hashsharing, "PAGE", 2)
    make_list("alpha")
    make_list("beta")
    load("alpha", *map(md5, range(5)))
    load("beta", md5(50))
    return Reader(member)


class TestAClosedList:
    @pytest.mark.parametrize(
        "closed",
        [{"sharing": Sharing.DESK}, {"legal_basis": ""}, {"scope": "CLEAR"}],
    )
    def test_is_told_as_gone_once_and_comes_back_whole(
        self, reader: Reader, closed: dict[str, object]
    ) -> None:
        instruct(SERVE)
        assert reader.read() == [6, 0]
        [last] = load("alpha", md5(9))
        describe("alpha", **closed)
        assert reader.read() == [0, 6]
        assert set(reader.known.values()) == {md5(50)}
        assert reader.read() == [0, 6], (
            "it closed when it was asked for: both ranges hold that instant"
        )
        load("alpha", md5(10))
        withdraw_item(actor=SYSTEM, name="alpha", item_id=last, now=clock.now())
        assert reader.read() == [0, 0], "what changes in a closed list is not told"
        describe("alpha")
        reader.read()
        fresh = set() if "scope" in closed else {md5(10)}  # what came as a false alarm stays one
        assert set(reader.known.values()) == {md5(50), *fresh, *map(md5, range(5))}

    def test_is_told_again_to_who_asks_again_and_never_with_a_hash(self, reader: Reader) -> None:
        instruct(SERVE)
        reader.read()
        describe("alpha", sharing=Sharing.DESK)
        since, known = reader.since, dict(reader.known)
        assert reader.read() == [0, 5]
        reader.since, reader.known = since, known
        assert reader.read() == [0, 5]
        answer = reader.client.get(f"{HASHES}/v2/entries?from={since}&to=2100-01-01T00:00:00Z")
        assert md5(1).encode() not in answer.content

    def test_the_last_one_closes_too(self, reader: Reader) -> None:
        instruct(SERVE)
        reader.read()
        describe("alpha", sharing=Sharing.DESK)
        describe("beta", legal_basis="")
        assert reader.read() == [0, 6]
        assert reader.known == {}

    def test_is_never_told_to_who_began_to_read_later(self, reader: Reader) -> None:
        instruct(SERVE)
        reader.read()
        second = make_member("Harbour Test Line")[1]
        assert second.get(f"{TAXII}collections/").status_code == 200
        describe("alpha", sharing=Sharing.DESK)
        describe("beta", sharing=Sharing.DESK)
        for _ in range(2):
            assert second.get(f"{HASHES}/v2/entries").status_code == 403
            assert second.get(f"{TAXII}collections/").json() == {}
        describe("alpha", sharing=Sharing.DESK, owner_id=make_member("Pier")[0].partner_id)
        assert second.get(f"{HASHES}/v2/entries").status_code == 403

    def test_a_range_under_way_keeps_what_is_open(self, reader: Reader) -> None:
        instruct(SERVE)
        later()
        first = read_page(reader.client.get(f"{HASHES}/v2/entries").content)
        describe("alpha", sharing=Sharing.DESK)
        told, path = list(first.entries), first.next
        while path:
            page = read_page(reader.client.get(HASHES + path).content)
            told, path = [*told, *page.entries], page.next
        assert {e.fingerprints["md5"] for e in told if not e.deleted} >= {md5(50)}
        reader.known = {f"1-{e.id}": e.fingerprints["md5"] for e in told}
        reader.since = f"{max(e.at for e in told):%Y-%m-%dT%H:%M:%SZ}"
        reader.read()
        assert set(reader.known.values()) == {md5(50)}

    def test_without_an_instruction_nothing_leaves_a_tombstone_neither(
        self, reader: Reader
    ) -> None:
        made, _ = instruct(SERVE, "alpha"), instruct(SERVE, "beta")
        reader.read()
        revoke(made)
        assert reader.read() == [0, 0]
        describe("alpha", sharing=Sharing.DESK)
        assert reader.read() == [0, 0]
        instruct(SERVE, "alpha")
        assert reader.read() == [0, 5]

    def test_a_pause_ends_with_the_whole_list(self, reader: Reader) -> None:
        made = instruct(SERVE)
        reader.read()
        revoke(made)
        assert reader.client.get(f"{HASHES}/v2/entries").status_code == 403
        [gone, *_] = load("alpha", md5(0))
        withdraw_item(actor=SYSTEM, name="alpha", item_id=gone, now=clock.now())
        instruct(SERVE)
        assert reader.read() == [5, 1]
        assert len(reader.known) == 5

    def test_every_response_cites_the_instruction(self, reader: Reader) -> None:
        made = instruct(SERVE)
        reader.read()
        describe("alpha", sharing=Sharing.DESK)
        reader.read()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*), count(*) FILTER (WHERE o.object_id = %s) FROM ledger_entry e"
                " LEFT JOIN ledger_object o ON o.entry_id = e.id AND o.kind = 'instruction'"
                " WHERE e.action = 'list.serve'",
                [made],
            )
            assert cursor.fetchall() == [(6, 6)]


class TestTaxii:
    def objects(self, client: Client, list_id: UUID, query: str = "") -> tuple[list[dict], str]:
        """Return the objects of a collection by their pages of two, and the last date."""
        found, following, last = list[dict](), "", ""
        while True:
            way = f"&next={following}" if following else ""
            answer = client.get(f"{TAXII}collections/{list_id}/objects/?limit=2{query}{way}")
            assert answer.status_code == 200, answer.content
            said = answer.json()
            found += said.get("objects", [])
            last = answer.headers.get("X-TAXII-Date-Added-Last", last)
            if not said["more"]:
                return found, last
            following = said["next"]

    def test_every_object_of_a_closed_collection_is_revoked(self, member: Client) -> None:
        instruct(SERVE)
        shared = make_list()
        load("alpha", *map(md5, range(5)))
        before, last = self.objects(member, shared)
        describe("alpha", sharing=Sharing.DESK)
        gone, closed = self.objects(member, shared, f"&added_after={last}")
        assert {o["id"] for o in gone} == {o["id"] for o in before}
        assert len(gone) == 5
        assert all(o["revoked"] and "MD5" not in o["pattern"] for o in gone)
        assert min(o["modified"] for o in gone) > max(o["modified"] for o in before)
        assert self.objects(member, shared, f"&added_after={closed}")[0] == []
        [collection] = member.get(f"{TAXII}collections/").json()["collections"]
        assert (collection["id"], "Closed" in collection["description"]) == (str(shared), True)
        one = f"{TAXII}collections/{shared}/objects/{before[0]['id']}/?added_after={last}"
        assert [o["revoked"] for o in member.get(one).json()["objects"]] == [True]
        describe("alpha")
        again, _ = self.objects(member, shared, f"&added_after={closed}")
        assert [o["revoked"] for o in again] == [False] * 5
        assert min(o["modified"] for o in again) > max(o["modified"] for o in gone)
        assert self.objects(member, shared)[0] == again


class TestAnotherOwner:
    def owners(self) -> list[UUID | None]:
        names = ("Harbour Test Line", "Pier Test Line")
        first, second = (make_member(name)[0].partner_id for name in names)
        return [first, second, None, second]

    def test_what_was_known_under_the_former_owner_is_gone(self, reader: Reader) -> None:
        instruct(SERVE)
        reader.read()
        for owner in self.owners():
            describe("alpha", owner_id=owner)
            assert reader.read() == [5, 5]
            assert sorted(reader.known.values()) == sorted(map(md5, (50, *range(5))))

    def test_owners_between_two_looks_and_while_closed_leave_nothing_behind(
        self, reader: Reader
    ) -> None:
        instruct(SERVE)
        reader.read()
        first, second, *_ = self.owners()
        describe("alpha", owner_id=first)
        describe("alpha", owner_id=second)
        load("alpha", md5(9))
        reader.read()
        assert sorted(reader.known.values()) == sorted(map(md5, (9, 50, *range(5))))
        describe("alpha", owner_id=second, sharing=Sharing.DESK)
        describe("alpha", owner_id=first, sharing=Sharing.DESK)
        reader.read()
        assert set(reader.known.values()) == {md5(50)}
        describe("alpha", owner_id=first)
        reader.read()
        assert sorted(reader.known.values()) == sorted(map(md5, (9, 50, *range(5))))

    @pytest.mark.parametrize("closed", [False, True])
    def test_an_owner_that_came_during_a_pause_leaves_nothing_behind(
        self, reader: Reader, closed: bool
    ) -> None:
        made, _ = instruct(SERVE, "alpha"), instruct(SERVE, "beta")
        reader.read()
        revoke(made)
        reader.read()
        first, second, *_ = self.owners()
        describe("alpha", owner_id=first)
        describe("alpha", owner_id=second)
        for _ in range(2):
            assert reader.read() == [0, 0]
        sharing = Sharing.DESK if closed else Sharing.PARTNERS
        describe("alpha", owner_id=second, sharing=sharing)
        instruct(SERVE, "alpha")
        reader.read()
        left = [] if closed else range(5)
        assert sorted(reader.known.values()) == sorted(map(md5, (50, *left)))

    def test_a_vote_finds_the_entry_of_the_new_owner(self, reader: Reader) -> None:
        instruct(SERVE)
        [item] = load("beta", md5(50))
        reader.read()
        describe("beta", owner_id=make_member("Pier Test Line")[0].partner_id)
        reader.read()
        [key] = [key for key, value in reader.known.items() if value == md5(50)]
        body = "<feedbackSubmission><affirmative/></feedbackSubmission>"
        told = [
            reader.client.put(
                f"{HASHES}/v2/entries/{member}/{item}/MD5/feedback", body, content_type="text/xml"
            ).status_code
            for member in (key.partition("-")[0], "1")
        ]
        assert told == [200, 404]

    def test_who_fetches_from_us_has_each_value_all_the_while(self, reader: Reader) -> None:
        """The fetcher of another installation: it follows by its own checkpoint, page by page."""
        instruct(SERVE)
        source = add(Service.HASHSHARING, "https://lists.example/hashsharing")
        door = Through(reader.client)
        assert door.fetch(source)[-1] == sorted(map(md5, (50, *range(5))))
        describe("alpha", owner_id=self.owners()[0])
        seen = door.fetch(source)
        assert len(seen) > 4
        assert all(values == sorted(map(md5, (50, *range(5)))) for values in seen)
        describe("alpha", sharing=Sharing.DESK)
        assert door.fetch(source)[-1] == [md5(50)]


class Through:
    """The way to another installation, which is this one."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def get(self, url: str, **_said: object) -> outside.Response:
        answer = self.client.get(url.removeprefix("https://lists.example"))
        return outside.Response(headers={}, body=answer.content)

    def fetch(self, source: ListSource) -> list[list[str]]:
        """Fetch to the end for now; return what the list `mirror` holds after each page."""
        later()
        seen: list[list[str]] = []
        finished = False
        while not finished:
            held_now = queries.get_checkpoint(source_id=source.id)
            with connection.cursor() as cursor:
                cursor.execute("SELECT at + interval '10 seconds' FROM exchange_clock")
                [(now,)] = cursor.fetchall()
            page = sources.fetch_page(
                self, source=source, secret="", position=held_now.position, now=now.astimezone(UTC)
            )
            take_page(
                actor=SYSTEM, source=source, page=page, turn=held_now.turn, under=None, now=now
            )
            seen.append(sorted(held("mirror")))
            finished = page.finished
        return seen
