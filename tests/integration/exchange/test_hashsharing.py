"""The indicator service by its own words: what is served to whom, in pages that lose and double nothing."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client

from fanal.accounts.domain.instructions import InstructionKind
from fanal.accounts.operations.instructions import revoke_instruction
from fanal.accounts.queries.people import actor_for, find_user
from fanal.analyse.material.domain.lists import ListAttributes, Sharing
from fanal.analyse.material.operations.list_imports import describe_list
from fanal.analyse.material.operations.lists import add_addresses, withdraw_item, withdraw_items
from fanal.analyse.material.queries.lists import count_votes, list_votes
from fanal.api import hashsharing
from fanal.formats.hashsharing import SharedEntry, read_page
from fanal.kernel import clock
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
ROOT = "/hashsharing"
SERVE = InstructionKind.LIST_SERVICE


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashsharing, "PAGE", 3)


def pages(client: Client, path: str = "/v2/entries") -> Iterator[list[SharedEntry]]:
    """Read a range to its end, as clients do."""
    while path:
        answer = client.get(ROOT + path)
        assert answer.status_code == 200, answer.content
        page = read_page(answer.content)
        yield list(page.entries)
        path = page.next


def entries(client: Client, path: str = "/v2/entries") -> list[SharedEntry]:
    return [entry for page in pages(client, path) for entry in page]


def held(found: list[SharedEntry]) -> dict[str, str]:
    """Return what a reader holds after taking in entries in their order."""
    state: dict[str, str] = {}
    for entry in found:
        state.pop(entry.id, None)
        if not entry.deleted:
            state[entry.id] = entry.fingerprints.get("md5", "")
    return state


class TestWhatIsServed:
    def test_a_list_with_basis_limit_and_instruction_and_no_other(self, member: Client) -> None:
        instruct(SERVE)
        make_list("shared")
        make_list("no basis", legal_basis="")
        make_list("at the desk", sharing=Sharing.DESK)
        make_list("for authorities", sharing=Sharing.AUTHORITIES)
        make_list("false alarms", scope="CLEAR")
        for number, name in enumerate(
            ("shared", "no basis", "at the desk", "for authorities", "false alarms")
        ):
            load(name, md5(number))
        assert [e.fingerprints for e in entries(member)] == [{"md5": md5(0)}]

    def test_without_an_instruction_in_force_nothing_leaves(self, member: Client) -> None:
        make_list()
        load("alpha", md5(1))
        assert member.get(f"{ROOT}/v2/entries").status_code == 403
        made = instruct(SERVE, "other list")
        assert member.get(f"{ROOT}/v2/entries").status_code == 403
        made = instruct(SERVE, "alpha")
        assert len(entries(member)) == 1
        supervisor = actor_for(user=find_user(username="proposer"), now=clock.now())
        revoke_instruction(actor=supervisor, instruction_id=made, reason="Stop.", now=clock.now())
        assert member.get(f"{ROOT}/v2/entries").status_code == 403

    def test_who_named_a_list_before_there_was_one_signed_nothing_of_it(
        self, member: Client
    ) -> None:
        instruct(SERVE, "alpha", "of before")
        make_list()
        load("alpha", md5(1))
        assert member.get(f"{ROOT}/v2/entries").status_code == 403
        instruct(SERVE, "alpha")
        assert len(entries(member)) == 1

    def test_addresses_are_never_served(self, member: Client) -> None:
        instruct(SERVE)
        make_list()
        add_addresses(
            actor=SYSTEM, name="alpha", addresses=[("HOST", "canary.test")], now=clock.now()
        )
        answer = member.get(f"{ROOT}/v2/entries")
        assert b"canary.test" not in answer.content

    def test_each_response_with_content_is_in_the_ledger(self, member: Client) -> None:
        instruction = instruct(SERVE)
        list_id = make_list()
        load("alpha", md5(1), md5(2))
        entries(member)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT e.body::text, array_agg(o.kind || ' ' || o.object_id ORDER BY o.kind)"
                " FROM ledger_entry e JOIN ledger_object o ON o.entry_id = e.id"
                " WHERE e.action = 'list.serve' GROUP BY e.id, e.body"
            )
            [(_, objects)] = cursor.fetchall()
        assert objects == [f"instruction {instruction}", f"list {list_id}"]

    def test_withdrawn_and_set_aside_entries_are_tombstones(self, member: Client) -> None:
        instruct(SERVE)
        make_list()
        [gone, stays] = load("alpha", md5(1), md5(2))
        withdraw_item(actor=SYSTEM, name="alpha", item_id=gone, now=clock.now())
        found = {e.id: e for e in entries(member)}
        assert found[str(gone)].deleted
        assert found[str(gone)].fingerprints == {}
        assert not found[str(stays)].deleted

    def test_a_list_that_opens_later_comes_whole(self, member: Client) -> None:
        instruct(SERVE)
        make_list("early")
        late = make_list("late", legal_basis="")
        load("early", md5(1))
        load("late", md5(2), md5(3))
        assert len(entries(member)) == 1
        started = clock.now() + timedelta(seconds=1)
        with connection.cursor() as cursor:  # the change of attributes happens a second later
            cursor.execute("UPDATE exchange_clock SET at = %s", [started + timedelta(seconds=2)])
        describe_list(
            actor=SYSTEM,
            name="late",
            attributes=ListAttributes(legal_basis=BASIS),
            now=clock.now(),
        )
        since = f"/v2/entries?from={started:%Y-%m-%dT%H:%M:%SZ}&to=2100-01-01T00:00:00Z"
        assert {e.fingerprints["md5"] for e in entries(member, since)} == {md5(2), md5(3)}
        assert late

    def test_another_class_of_the_list_is_told_to_who_read_before(self, member: Client) -> None:
        instruct(SERVE)
        make_list(category="C0")
        load("alpha", md5(1), f"{md5(2)},A2")
        newest = max(e.at for e in entries(member))
        started = newest + timedelta(seconds=2)
        with connection.cursor() as cursor:  # the change of attributes happens a while later
            cursor.execute("UPDATE exchange_clock SET at = %s", [started])
        describe_list(
            actor=SYSTEM,
            name="alpha",
            attributes=ListAttributes(legal_basis=BASIS, category="C1"),
            now=clock.now(),
        )
        connection.check_constraints()
        since = f"/v2/entries?from={started:%Y-%m-%dT%H:%M:%SZ}&to=2100-01-01T00:00:00Z"
        found = [(e.fingerprints["md5"], e.classification) for e in entries(member, since)]
        assert found == [(md5(1), "C1")]


class TestPaging:
    def test_every_entry_once_in_pages(self, member: Client, small_pages: None) -> None:
        instruct(SERVE)
        make_list("a")
        make_list("b")
        for number in range(4):
            load("a", md5(10 * number), md5(10 * number + 1))
            load("b", md5(10 * number + 2))
        found = list(pages(member))
        assert [len(page) for page in found] == [3, 3, 3, 3]
        values = [e.fingerprints["md5"] for page in found for e in page]
        assert len(set(values)) == len(values) == 12

    def test_what_changes_meanwhile_is_neither_missed_nor_doubled(
        self, member: Client, small_pages: None
    ) -> None:
        instruct(SERVE)
        make_list()
        ids = load("alpha", *[md5(n) for n in range(9)])
        reader = pages(member)
        seen = next(reader)
        # Entries before and after the reader change, go, and come while it reads.
        load("alpha", f"{md5(0)},A1", f"{md5(8)},A2")
        withdraw_items(actor=SYSTEM, name="alpha", item_ids=[ids[7]], now=clock.now())
        load("alpha", md5(100))
        for page in reader:
            seen += page
        assert sorted(e.id for e in seen) == sorted(map(str, ids))
        assert held(seen + entries(member)) == held(entries(member))
        assert len(held(entries(member))) == 9

    def test_ranges_join_without_a_gap(self, member: Client) -> None:
        instruct(SERVE)
        make_list()
        load("alpha", md5(1), md5(2))
        [first] = {e.at for e in entries(member)}
        middle = f"{first:%Y-%m-%dT%H:%M:%SZ}"
        before = (first - timedelta(seconds=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
        after = (first + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        assert len(entries(member, f"/v2/entries?from={middle}&to={middle}")) == 2
        assert entries(member, f"/v2/entries?to={before}") == []
        assert entries(member, f"/v2/entries?from={after}&to=2100-01-01T00:00:00Z") == []

    @pytest.mark.parametrize(
        ("query", "status"),
        [
            ("from=yesterday", 400), ("to=x", 400), ("from=%00", 400), ("from=2026-13-01T00:00:00Z", 400),
            ("from=9999-12-31T23:59:59-23:00", 400), ("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", 400),
            ("start=1", 400), ("start=-1&max=2", 400), ("start=x&max=2", 400), ("start=1&max=", 400),
            ("start=9999999999999999999&max=1", 400), ("start=1&max=2&row=x", 400), ("start=%D9%A1&max=2", 400),
            ("from=0001-01-01T00:00:00Z", 200), ("to=9999-12-31T23:59:59Z", 200), ("start=0&max=999999999999", 200),
            ("start=999999&max=1", 200), ("start=1&max=2&row=0", 200), ("size=5&x=y", 200),
            ("from=2026-01-01T00:00:00.123%2B0200", 200),
        ],
    )  # fmt: skip
    def test_odd_parameters(self, member: Client, query: str, status: int) -> None:
        instruct(SERVE)
        make_list()
        load("alpha", md5(1))
        answer = member.get(f"{ROOT}/v2/entries?{query}")
        assert answer.status_code == status, answer.content
        assert answer.headers["Content-Type"].startswith("application/xml")


class TestVotes:
    def put(self, client: Client, path: str, body: str) -> int:
        answer = client.put(
            f"{ROOT}/v2/entries/{path}/feedback", body, content_type="application/xml"
        )
        return answer.status_code

    FOR = "<feedbackSubmission><affirmative/></feedbackSubmission>"

    def against(self, client: Client, *indexes: int) -> str:
        from lxml import etree

        root = etree.fromstring(client.get(f"{ROOT}/v2/feedback/MD5/reasons").content)
        guids = "".join(f"<guid>{root[0][index].get('guid')}</guid>" for index in indexes or (0,))
        inner = f"<negative><reasonIds>{guids}</reasonIds></negative>"
        return f"<feedbackSubmission>{inner}</feedbackSubmission>"

    def test_one_vote_a_member_and_entry_the_last_one_counts(self, member: Client) -> None:
        instruct(SERVE)
        make_list()
        [item] = load("alpha", md5(1))
        for body in (self.FOR, self.against(member), self.FOR, self.against(member, 1)):
            assert self.put(member, f"1/{item}/MD5", body) == 200
        other = make_member("Harbour Test Line")[1]
        assert self.put(other, f"1/{item}/md5", self.FOR) == 200
        answer = member.get(f"{ROOT}/v2/entries").content.decode()
        assert answer.count("<negativeFeedback") == answer.count("<affirmativeFeedback") == 1
        assert answer.count("<reason ") == 1
        assert "Harbour Test Line" in answer

    def test_every_reason_against_is_kept_and_told(self, member: Client) -> None:
        from lxml import etree

        instruct(SERVE)
        make_list()
        [item] = load("alpha", md5(1))
        assert self.put(member, f"1/{item}/MD5", self.against(member, 2, 0, 2, 1)) == 200
        [vote] = list_votes(item_id=item)
        assert vote.reasons == ("WRONG_HASH", "NOT_ABUSE", "WRONG_CLASS")
        assert count_votes(item_ids=[item])[item][:2] == (0, 1)
        root = etree.fromstring(member.get(f"{ROOT}/v2/entries").content)
        told = {r.get("name"): r.getnext()[0].text for r in root.iterfind(".//{*}reason")}
        assert sorted(told) == [
            "It is not abuse material",
            "The class is wrong",
            "The hash is not that of the material",
        ]
        assert set(told.values()) == {"Quay Test Host"}

    def test_what_is_not_there_is_404(self, member: Client) -> None:
        instruct(SERVE)
        make_list()
        make_list("at the desk", sharing=Sharing.DESK)
        [item, gone] = load("alpha", md5(1), md5(2))
        [hidden] = load("at the desk", md5(3))
        withdraw_item(actor=SYSTEM, name="alpha", item_id=gone, now=clock.now())
        for path in (
            f"1/{uuid4()}/MD5", "1/x/MD5", f"9/{item}/MD5", f"1/{item}/SHA1", f"1/{item}/XYZ", f"x/{item}/MD5",
            f"1/{gone}/MD5", f"1/{hidden}/MD5", f"1/{item}/%00", f"1/{'a' * 3000}/MD5",
        ):  # fmt: skip
            assert self.put(member, path, self.FOR) == 404, path

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ("", 400), ("<a/>", 400), ("<feedbackSubmission/>", 400), ("\x00", 400),
            ("<!DOCTYPE a [<!ENTITY b 'c'>]><feedbackSubmission><affirmative/></feedbackSubmission>", 400),
            ("<feedbackSubmission><negative><reasonIds><guid>x</guid></reasonIds></negative></feedbackSubmission>", 400),
            (f"<feedbackSubmission>{' ' * 70_000}<affirmative/></feedbackSubmission>", 413),
        ],
    )  # fmt: skip
    def test_odd_votes(self, member: Client, body: str, status: int) -> None:
        instruct(SERVE)
        make_list()
        [item] = load("alpha", md5(1))
        assert self.put(member, f"1/{item}/MD5", body) == status


class TestWhoAsks:
    @pytest.mark.parametrize(
        "path", ["status", "members", "entries", "feedback/PDQ/reasons", "entries/1/x/PDQ/feedback"]
    )
    def test_nobody_without_credentials(self, member: Client, path: str) -> None:
        for headers in ({}, {"Authorization": "Basic eDp5"}, {"Authorization": "Bearer x"}):
            answer = Client(headers=headers).get(f"{ROOT}/v2/{path}")
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"].startswith("Basic")

    def test_other_methods_are_told(self, member: Client) -> None:
        assert member.post(f"{ROOT}/v2/entries").status_code == 405
        assert member.get(f"{ROOT}/v2/entries/1/x/PDQ/feedback").status_code == 405

    def test_members_see_how_far_they_read(self, member: Client) -> None:
        instruct(SERVE)
        make_list()
        load("alpha", md5(1))
        entries(member)
        member.get(f"{ROOT}/v2/entries?from=x")
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT responses, entries, error, completed_at IS NOT NULL FROM exchange_reading"
            )
            assert cursor.fetchall() == [(1, 1, "BAD_DATE", True)]


def test_a_partner_that_no_instruction_names_reads_nothing(member: Client) -> None:
    """Whoever opens an access opens no list: two people name who reads which."""
    make_list("alpha")
    load("alpha", md5(1))
    instruct(SERVE, members=("Quay Test Host",))
    stranger = make_member("Opened by one person")[1]
    assert len(entries(member)) == 1
    assert stranger.get(f"{ROOT}/v2/entries").status_code == 403
    assert stranger.get("/taxii2/lists/collections/").json().get("collections", []) == []
    instruct(SERVE, "alpha", members=("Opened by one person",))
    assert len(entries(stranger)) == 1
