"""Lists: attributes, classes that change, votes, the feed of changes."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from fanal.accounts.domain.policy import Refused
from fanal.accounts.domain.records import OrganisationKind
from fanal.accounts.operations.people import ensure_organisation
from fanal.analyse.material.domain.lists import (
    ChangedItem,
    FeedPlace,
    Item,
    ListAttributes,
    ListRefused,
    MatchScope,
    Sharing,
    Vote,
)
from fanal.analyse.material.operations import lists
from fanal.analyse.material.operations.list_imports import create_list, describe_list
from fanal.analyse.material.operations.votes import cast_vote, take_vote_back
from fanal.analyse.material.queries import entries, lists as listed
from fanal.kernel.actors import Actor, Role, public_actor, system_actor
from fanal.kernel.refusal import Refusal
from tests.refusals import KEPT, database_refuses

pytestmark = [pytest.mark.django_db, pytest.mark.role("worker")]
SYSTEM = system_actor("test")
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def keys(installed_keys: None) -> None:
    return


def md5(number: int) -> str:
    return f"{number:032x}"


def load(*lines: str, name: str = "alpha", at: datetime = NOW) -> list[UUID]:
    return lists.load_list(actor=SYSTEM, name=name, lines=["md5,classification", *lines], now=at)


def read(**asked: object) -> list[ChangedItem]:
    """Return the whole feed, page after page; a page says itself where the next one starts."""

    def pages() -> Iterator[ChangedItem]:
        after: FeedPlace | None = None
        while True:
            feed = entries.entries_changed(after=after, **asked)
            yield from feed.items
            if feed.next is None:
                return
            assert after is None or after < feed.next
            after = feed.next

    return list(pages())


def voter(number: int, role: Role = Role.ANALYST, **fields: object) -> Actor:
    return Actor(person_id=UUID(int=number), roles=frozenset({role}), **fields)


def test_a_list_says_whose_it_is_and_what_for() -> None:
    owner = ensure_organisation(
        actor=SYSTEM, kind=OrganisationKind.AUTHORITY, name="Bureau exemple", now=NOW
    )
    said = ListAttributes(
        owner_id=owner,
        scheme="NCMEC",
        category="A1",
        confidence=80,
        legal_basis="LOI_78_17_TITRE_III",
        scope=MatchScope.CLEAR,
        sharing=Sharing.AUTHORITIES,
        description="from a test",
    )
    list_id = create_list(actor=SYSTEM, name="beta", attributes=said, now=NOW)
    found = listed.find_list(name="beta")
    assert found is not None
    assert (found.id, found.owner, found.attributes) == (list_id, "Bureau exemple", said)
    load(f"{md5(1)},", name="beta")
    (entry,) = entries.entries_of(values=[("MD5", md5(1))])
    assert (entry.scope, entry.listed) == (MatchScope.CLEAR, found)
    before = entries.lists_version()
    describe_list(actor=SYSTEM, name="beta", attributes=ListAttributes(confidence=10), now=NOW)
    assert entries.lists_version() != before
    assert listed.find_list(name="beta").attributes == ListAttributes(confidence=10)


@pytest.mark.parametrize(
    ("name", "fields", "code"),
    [
        ("", {}, "NAME"),
        ("a\nb", {}, "NAME"),
        ("beta", {"confidence": 101}, "CONFIDENCE"),
        ("beta", {"scheme": "x" * 101}, "WORDS"),
        ("beta", {"description": "a\0b"}, "WORDS"),
        ("beta", {"legal_basis": "NO_SUCH"}, "BASIS"),
        ("beta", {"owner_id": UUID(int=5)}, "OWNER"),
        ("alpha", {}, "EXISTS"),
    ],
)
def test_what_a_list_cannot_be(name: str, fields: dict[str, object], code: str) -> None:
    load(f"{md5(1)},")
    with pytest.raises(Refusal) as refused:
        create_list(actor=SYSTEM, name=name, attributes=ListAttributes(**fields), now=NOW)
    assert refused.value.code == code


def test_loading_twice_changes_nothing() -> None:
    first = load(f"{md5(1)},A1", f"{md5(2)},A1", f"{md5(1)},A1")
    assert first[0] == first[2]
    before = (entries.lists_version(), entries.newest_change(), read(limit=10))
    assert load(f"{md5(1)},A1", f"{md5(2)},A1", f"{md5(1)},A1") == first
    assert (entries.lists_version(), entries.newest_change(), read(limit=10)) == before


def test_another_class_leaves_a_trace_and_the_same_item() -> None:
    first = load(f"{md5(1)},A1", f"{md5(2)},A1")
    assert load(f"{md5(1)},B2", at=NOW + timedelta(hours=1)) == first[:1]
    assert [e.classification for e in entries.entries_of(values=[("MD5", md5(1))])] == ["B2"]
    untouched, changed = read(limit=10)
    assert (changed.item_id, changed.classification, changed.change) == (first[0], "B2", 2)
    assert (changed.added_at, changed.changed_at) == (NOW, NOW + timedelta(hours=1))
    assert untouched.item_id == first[1]
    (newest, _) = listed.list_changes(limit=10)
    assert (newest.added, newest.changed, newest.withdrawn) == (0, 1, 0)


def test_items_pass_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "_PORTION", 3)
    lines = [f"{md5(n)},A1" for n in (*range(8), 0, 7)]
    ids = load(*lines)
    assert (ids[8], ids[9]) == (ids[0], ids[7])
    assert len(set(ids)) == 8
    assert {item.change for item in read(limit=3)} == {1}
    with pytest.raises(ListRefused, match="line 9"), transaction.atomic():
        load(*(f"{md5(100 + n)}," for n in range(7)), "zz,")
    assert entries.entries_of(values=[("MD5", md5(100))]) == []


def test_kinds_that_no_list_holds_are_not_looked_for() -> None:
    load(f"{md5(1)},A1", f"{md5(2)},A1")
    pages = [("URL", f"https://n{n}.example/") for n in range(3)]
    with CaptureQueriesContext(connection) as sent:
        assert entries.entries_of(values=pages) == []
    assert len(sent) == 1
    found = entries.entries_of(values=[*pages, ("MD5", md5(2)), ("SHA1", md5(1) + "0" * 8)])
    assert [(entry.kind, entry.value) for entry in found] == [("MD5", md5(2))]


def test_items_from_elsewhere_keep_their_ids() -> None:
    mine, other = UUID(int=77), UUID(int=78)
    items = [
        Item(values={"MD5": md5(1), "PDQ": "a" * 64}, classification="A1", item_id=mine),
        Item(values={"URL": "https://example.test/a", "MD5": md5(1)}, item_id=other),
    ]
    assert lists.add_items(actor=SYSTEM, name="alpha", items=items, now=NOW) == [mine, other]
    held = entries.get_items(item_ids=[mine, other])
    assert dict(held[mine].values) == {"MD5": md5(1), "PDQ": "a" * 64}
    assert dict(held[other].values) == {"URL": "https://example.test/a"}
    assert lists.withdraw_items(actor=SYSTEM, name="alpha", item_ids=[mine, other], now=NOW) == 2
    assert all(item.withdrawn_at == NOW and item.values for item in read(limit=1))
    for values in ({}, {"MD5": "zz"}, {"PDQ": md5(1)}, {"HOST": ""}, {"OTHER": "1"}):
        with pytest.raises(ListRefused):
            lists.add_items(actor=SYSTEM, name="alpha", items=[Item(values=values)], now=NOW)


@pytest.mark.parametrize("limit", [1, 2, 7, 1000])
def test_the_feed_tells_every_entry_once_at_its_last_change(limit: int) -> None:
    one = load(*(f"{md5(n)},A1" for n in range(9)))
    two = load(*(f"{md5(n)}," for n in range(5)), name="beta", at=NOW + timedelta(days=1))
    for item_id in (one[0], one[8]):
        lists.withdraw_item(actor=SYSTEM, name="alpha", item_id=item_id, now=NOW)
    again = load(f"{md5(0)},", f"{md5(1)},B1", at=NOW + timedelta(days=2))
    assert again[1] == one[1]
    told = read(limit=limit)
    assert sorted(item.item_id for item in told) == sorted({*one, *two, *again})
    assert [item.change for item in told] == sorted(item.change for item in told)
    assert {i.item_id for i in told if i.withdrawn_at} == {one[0], one[8]}
    beta = listed.find_list(name="beta")
    assert {i.item_id for i in read(limit=limit, list_ids=[beta.id])} == set(two)
    assert read(limit=limit, list_ids=[]) == []


def test_the_feed_reads_an_index_and_no_more_than_a_page() -> None:
    load(*(f"{md5(n)}," for n in range(3000)))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE analyse_entry, analyse_change")
    page = entries.entries_changed(limit=1000)
    asked = {"change": 1, "item": page.next.item_id, "limit": 10}
    asked["lists"] = None
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT TEXT) {entries._FEED}", asked)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "analyse_entry_feed" in plan
    assert "Seq Scan on analyse_entry" not in plan


def test_the_last_vote_of_a_voter_counts_and_all_stay() -> None:
    (item,) = load(f"{md5(1)},A1")
    partner = voter(9, Role.PARTNER, partner_id=UUID(int=50))
    for actor, vote, reason in [
        (voter(1), Vote.UP, "CONFIRMED"),
        (partner, Vote.DOWN, "NOT_ABUSE"),
        (voter(8, Role.PARTNER, partner_id=UUID(int=50)), Vote.DOWN, "WRONG_HASH"),
        (voter(1), Vote.DOWN, "COMMON_IMAGE"),
        (voter(2, Role.SUPERVISOR), Vote.UP, "SEEN_BY_REVIEWER"),
    ]:
        cast_vote(actor=actor, item_id=item, vote=vote, reason=reason, now=NOW)
    ups, downs, last = listed.count_votes(item_ids=[item])[item]
    assert (ups, downs, last.reason) == (1, 2, "SEEN_BY_REVIEWER")
    assert [v.reason for v in listed.list_votes(item_id=item)] == [
        "CONFIRMED", "NOT_ABUSE", "WRONG_HASH", "COMMON_IMAGE", "SEEN_BY_REVIEWER",
    ]  # fmt: skip
    assert listed.newest_votes(limit=1) == [last]
    (entry,) = entries.entries_of(values=[("MD5", md5(1))])
    assert (entry.standing.ups, entry.standing.downs) == (1, 2)


def test_a_vote_taken_back_counts_no_more_and_stays() -> None:
    (item,) = load(f"{md5(1)},A1")
    partner = voter(9, Role.PARTNER, partner_id=UUID(int=50))
    for actor, vote, reason in [
        (voter(1), Vote.DOWN, "OTHER"),
        (voter(2), Vote.DOWN, "NOT_ABUSE"),
        (partner, Vote.UP, "CONFIRMED"),
    ]:
        cast_vote(actor=actor, item_id=item, vote=vote, reason=reason, now=NOW)
    back = take_vote_back(actor=voter(1), item_id=item, now=NOW)
    assert (back.vote, back.reasons) == (Vote.TAKEN_BACK, ())
    assert listed.count_votes(item_ids=[item])[item][:2] == (1, 1)
    for actor, item_id in [(voter(1), item), (voter(3), item), (voter(2), UUID(int=3))]:
        with pytest.raises(Refusal):
            take_vote_back(actor=actor, item_id=item_id, now=NOW)
    with pytest.raises(Refusal):
        cast_vote(actor=voter(2), item_id=item, vote=Vote.TAKEN_BACK, reason="", now=NOW)
    assert len(listed.list_votes(item_id=item)) == 4
    cast_vote(actor=voter(1), item_id=item, vote=Vote.UP, reason="CONFIRMED", now=NOW)
    assert listed.count_votes(item_ids=[item])[item][:2] == (2, 1)
    for actor in (voter(1), voter(2), partner):
        take_vote_back(actor=actor, item_id=item, now=NOW)
    assert listed.count_votes(item_ids=[item]) == {}
    (entry,) = entries.entries_of(values=[("MD5", md5(1))])
    assert entry.standing.last is None


def test_what_no_vote_can_be() -> None:
    (item,) = load(f"{md5(1)},A1")
    wrong = [
        (item, Vote.UP, "NOT_ABUSE", ""),
        (item, Vote.DOWN, "", ""),
        (item, Vote.DOWN, "OTHER", "PDQ"),
        (UUID(int=3), Vote.DOWN, "OTHER", ""),
    ]
    for item_id, vote, reason, kind in wrong:
        with pytest.raises(Refusal):
            cast_vote(actor=voter(1), item_id=item_id, vote=vote, reason=reason, kind=kind, now=NOW)
    with pytest.raises(Refused):
        cast_vote(actor=public_actor(), item_id=item, vote=Vote.UP, reason="CONFIRMED", now=NOW)
    assert listed.count_votes(item_ids=[item]) == {}


@pytest.mark.parametrize(
    "statement", ["UPDATE analyse_vote SET vote = 'UP'", "DELETE FROM analyse_vote"]
)
@pytest.mark.role("owner")
def test_a_vote_stays(statement: str) -> None:
    (item,) = load(f"{md5(1)},A1")
    cast_vote(actor=voter(1), item_id=item, vote=Vote.DOWN, reason="OTHER", now=NOW)
    with database_refuses(KEPT), connection.cursor() as cursor:
        cursor.execute(statement)
    assert len(listed.list_votes(item_id=item)) == 1
