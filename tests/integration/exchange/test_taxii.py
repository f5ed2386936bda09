"""The TAXII server by its own words: media types, who may read, filters, and requests that are none."""

from datetime import datetime
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client

from fanal.accounts.domain.instructions import InstructionKind
from fanal.analyse.material.domain.lists import ListAttributes, Sharing
from fanal.analyse.material.operations.list_imports import describe_list
from fanal.analyse.material.operations.lists import withdraw_item
from fanal.kernel import clock
from tests.integration.exchange.sharing import BASIS, SYSTEM, instruct, load, make_list, md5

pytestmark = pytest.mark.django_db
TYPE = "application/taxii+json;version=2.1"
ROOT = "/taxii2/lists/"


@pytest.fixture
def shared(member: Client) -> UUID:
    instruct(InstructionKind.LIST_SERVICE)
    made = make_list()
    load("alpha", *[md5(n) for n in range(5)])
    return made


def objects(list_id: UUID, query: str = "") -> str:
    return f"{ROOT}collections/{list_id}/objects/?{query}"


class TestMediaTypes:
    @pytest.mark.parametrize(
        "accept",
        [None, TYPE, "application/taxii+json", "*/*", "text/html, application/*;q=0.1",
         "application/taxii+json; version=2.1", 'application/taxii+json;version="2.1"'],
    )  # fmt: skip
    def test_answers_are_taxii(self, member: Client, accept: str | None) -> None:
        answer = member.get("/taxii2/", headers={"Accept": accept} if accept else {})
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, TYPE)
        assert answer.json()["default"] == ROOT

    @pytest.mark.parametrize(
        "accept",
        ["application/json", "text/html", "application/taxii+json;version=2.0", "x", ",", "*/*;q=0", "\xff;;=",
         "application/vnd.oasis.taxii+json; version=2.0"],
    )  # fmt: skip
    def test_others_are_406(self, member: Client, accept: str) -> None:
        answer = member.get("/taxii2/", headers={"Accept": accept})
        assert answer.status_code == 406
        assert answer.headers["Content-Type"] == TYPE
        assert answer.json()["http_status"] == "406"


class TestWhoReads:
    @pytest.mark.parametrize("path", ["", "lists/", "lists/collections/", "lists/status/x/"])
    def test_nobody_without_credentials(self, member: Client, path: str) -> None:
        answer = Client().get(f"/taxii2/{path}")
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic")
        assert answer.headers["Content-Type"] == TYPE

    def test_only_what_is_shared_is_a_collection(self, member: Client, shared: UUID) -> None:
        hidden = make_list("at the desk", sharing=Sharing.DESK)
        load("at the desk", md5(77))
        found = member.get(f"{ROOT}collections/").json()["collections"]
        assert [c["id"] for c in found] == [str(shared)]
        for other in (hidden, uuid4(), "x", "%00"):
            for path in ("", "objects/", "manifest/", "objects/indicator--x/"):
                answer = member.get(f"{ROOT}collections/{other}/{path}")
                assert answer.status_code == 404, answer.content

    def test_without_any_there_is_no_list(self, member: Client) -> None:
        assert member.get(f"{ROOT}collections/").json() == {}

    def test_nothing_is_written(self, member: Client, shared: UUID) -> None:
        assert member.post(objects(shared), b"{}", content_type=TYPE).status_code == 403
        one = member.get(objects(shared, "limit=1")).json()["objects"][0]["id"]
        path = f"{ROOT}collections/{shared}/objects/{one}/"
        assert member.delete(path).status_code == 403
        assert member.post(path, b"", content_type=TYPE).status_code == 405
        assert member.get(f"{ROOT}status/{uuid4()}/").status_code == 404


class TestPages:
    def test_dates_frame_a_page(self, member: Client, shared: UUID) -> None:
        answer = member.get(objects(shared, "limit=3"))
        first, last = (
            datetime.fromisoformat(answer.headers[f"X-TAXII-Date-Added-{name}"])
            for name in ("First", "Last")
        )
        assert first < last
        assert answer.json()["more"] is True
        rest = member.get(
            objects(shared, f"added_after={answer.headers['X-TAXII-Date-Added-Last']}")
        ).json()
        assert (len(rest["objects"]), rest["more"]) == (2, False)
        empty = member.get(objects(shared, "added_after=2100-01-01T00:00:00Z"))
        assert empty.json() == {"more": False}
        assert "X-TAXII-Date-Added-Last" not in empty.headers

    def test_a_traversal_ends_where_it_began(self, member: Client, shared: UUID) -> None:
        first = member.get(objects(shared, "limit=3")).json()
        [added] = load("alpha", md5(99))
        rest = member.get(objects(shared, f"limit=3&next={first['next']}")).json()
        assert (len(rest["objects"]), rest["more"]) == (2, False)
        assert len(member.get(objects(shared)).json()["objects"]) == 6
        assert added

    def test_a_change_adds_an_object_again(self, member: Client, shared: UUID) -> None:
        answer = member.get(objects(shared))
        last = answer.headers["X-TAXII-Date-Added-Last"]
        [one] = [o for o in answer.json()["objects"] if md5(0) in o["pattern"]]
        load("alpha", f"{md5(0)},A2")
        found = member.get(objects(shared, f"added_after={last}")).json()["objects"]
        assert [o["labels"] for o in found] == [["A2"]]
        assert found[0]["id"] == one["id"]
        assert found[0]["modified"] > one["modified"]

    def test_what_the_list_says_of_each_object_is_told_again(
        self, member: Client, shared: UUID
    ) -> None:
        load("alpha", f"{md5(0)},A2")
        [gone] = load("alpha", md5(1))
        withdraw_item(actor=SYSTEM, name="alpha", item_id=gone, now=clock.now())
        last = member.get(objects(shared)).headers["X-TAXII-Date-Added-Last"]
        told = []
        for said in (
            {"description": "Words of the collection."},
            {"category": "C1"},
            {"category": "C1", "confidence": 40},
        ):
            attributes = ListAttributes(**{"legal_basis": BASIS} | said)
            describe_list(actor=SYSTEM, name="alpha", attributes=attributes, now=clock.now())
            connection.check_constraints()
            answer = member.get(objects(shared, f"added_after={last}"))
            last = answer.headers.get("X-TAXII-Date-Added-Last", last)
            found = answer.json().get("objects", [])
            told.append(sorted((o["labels"], o["confidence"]) for o in found))
        assert told == [
            [],
            [(["C1"], 100)] * 3,
            [(["A2"], 40), *[(["C1"], 40)] * 3],
        ]

    def test_a_withdrawn_object_is_revoked_and_tells_no_hash(
        self, member: Client, shared: UUID
    ) -> None:
        [item] = load("alpha", md5(0))
        withdraw_item(actor=SYSTEM, name="alpha", item_id=item, now=clock.now())
        answer = member.get(objects(shared))
        assert sum(o.get("revoked", False) for o in answer.json()["objects"]) == 1
        assert md5(0).encode() not in answer.content

    @pytest.mark.parametrize(
        ("query", "status"),
        [
            ("limit=0", 400), ("limit=-1", 400), ("limit=x", 400), ("limit=%D9%A1", 400), ("limit=1e3", 400),
            ("limit=999999999999999999999", 400), ("limit=100000", 200), ("next=x", 400), ("next=1", 400),
            ("next=1.2.3", 400), ("next=99999999999999999999.1", 400), ("next=7.1", 200), ("next=0.99999999", 200),
            ("added_after=x", 400), ("added_after=2026-01-01", 400), ("added_after=%00", 400),
            ("added_after=0001-01-01T00:00:00%2B23:00", 400), ("added_after=2026-01-01T00:00:00Z", 200),
            ("match[id]=x,%00,indicator--1", 200), ("match[type]=", 200), ("match[version]=nonsense", 200),
            ("match[id]=" + "x," * 200, 400), ("match[other]=1", 200), ("match[spec_version]=2.0,2.1", 200),
        ],
    )  # fmt: skip
    def test_odd_filters(self, member: Client, shared: UUID, query: str, status: int) -> None:
        for path in (objects(shared, query), f"{ROOT}collections/{shared}/manifest/?{query}"):
            answer = member.get(path)
            assert answer.status_code == status, (path, answer.content)
            assert answer.headers["Content-Type"] == TYPE

    def test_each_response_with_content_is_in_the_ledger(
        self, member: Client, shared: UUID
    ) -> None:
        member.get(objects(shared, "limit=2"))
        member.get(f"{ROOT}collections/{shared}/manifest/")
        member.get(objects(shared, "added_after=2100-01-01T00:00:00Z"))
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM ledger_entry WHERE action = 'list.serve'")
            assert cursor.fetchone() == (2,)
            cursor.execute("SELECT list_id, responses, entries FROM exchange_reading")
            assert cursor.fetchall() == [(shared, 3, 7)]
