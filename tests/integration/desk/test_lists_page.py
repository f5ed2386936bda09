"""The pages of lists and entries, and what a report's file cards say of a match."""

import re
from collections.abc import Callable, Mapping
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client

from fanal.analyse.material.domain.lists import MatchScope, Vote
from fanal.analyse.material.operations.lists import add_addresses, withdraw_item
from fanal.analyse.material.operations.votes import cast_vote
from fanal.analyse.material.queries.entries import entries_of, get_items
from fanal.analyse.material.queries.lists import count_votes, list_asides, list_votes
from fanal.web.desk.material import lists
from tests.integration.desk.story import Desk
from tests.integration.desk.work import listed, set_aside

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]


@pytest.fixture
def entry(desk: Desk) -> Mapping[str, UUID]:
    """An entry of another body's list that met a report's file."""
    return {"item": listed(desk, "material", aside=False), "report": desk.reports["material"]}


def acts(action: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM ledger_entry WHERE action = %s", [action])
        return int(cursor.fetchone()[0])


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("fr", ("Bureau exemple", "NON VÉRIFIÉ", "confiance 80", "1 contre", "Connu")),
        ("en", ("Bureau exemple", "UNCHECKED", "confidence 80", "1 against", "Known")),
    ],
)
def test_a_file_card_tells_where_a_match_comes_from(
    desk: Desk, sign_in: SignIn, entry: Mapping[str, UUID], lang: str, words: tuple[str, ...]
) -> None:
    cast_vote(
        actor=desk.actor("claire"),
        item_id=entry["item"],
        vote=Vote.DOWN,
        reason="COMMON_IMAGE",
        now=desk.now,
    )
    page = f"/{lang}/desk/reports/{entry['report']}/"
    body = sign_in("ana").get(page).content.decode()
    assert [w for w in words if w not in body] == []
    set_aside(desk, "material")
    body = sign_in("ana").get(page).content.decode()
    assert ("suspendue depuis" if lang == "fr" else "suspended since") in body
    assert ("Sur une liste, sans effet" if lang == "fr" else "On a list, without effect") in body


@pytest.mark.parametrize(
    ("scope", "counted", "after"),
    [
        (MatchScope.MATCH, "Known to the lists</span>", "On a list, without effect"),
        (MatchScope.CLEAR, "Known false alarm</span>", "On a list, without effect"),
    ],
)
def test_a_match_whose_entry_was_withdrawn_since_counts_no_more(
    desk: Desk, sign_in: SignIn, scope: MatchScope, counted: str, after: str
) -> None:
    item = listed(desk, "material", aside=False, scope=scope)
    page = f"/en/desk/reports/{desk.reports['material']}/"
    body = sign_in("ana").get(page).content.decode()
    assert counted in body
    assert "withdrawn" not in body
    withdraw_item(actor=desk.actor("claire"), name="alpha", item_id=item, now=desk.now)
    body = sign_in("ana").get(page).content.decode()
    assert counted not in body
    assert after in body
    assert "withdrawn" in body


def test_the_page_of_lists_shows_them_and_what_happened(
    desk: Desk, sign_in: SignIn, entry: Mapping[str, UUID]
) -> None:
    set_aside(desk, "material")
    for name in ("ana", "claire"):
        body = sign_in(name).get("/fr/desk/lists/").content.decode()
        for words in ("alpha", "Bureau exemple", "NON VÉRIFIÉ", "en 24\u00a0h"):
            assert words in body
    for name in ("driss", "elise", "hugo", "gabrielle"):
        assert sign_in(name).get("/fr/desk/lists/").status_code == 403
        path = f"/fr/desk/lists/entries/{entry['item']}/"
        assert sign_in(name).get(path).status_code == 403


@pytest.mark.parametrize(("lang", "total"), [("fr", "1–2 sur 3"), ("en", "1–2 of 3")])
def test_every_entry_set_aside_is_reached_from_the_page(
    desk: Desk, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch, lang: str, total: str
) -> None:
    monkeypatch.setattr(lists, "_ASIDES", 2)
    now, actor = desk.now, desk.actor("claire")
    hosts = [("HOST", f"{name}.test") for name in ("one", "two", "three")]
    add_addresses(actor=actor, name="hosts", addresses=hosts, now=now)
    items = {entry.entry_id for entry in entries_of(values=hosts)}
    web, path = sign_in("ana"), f"/{lang}/desk/lists/"

    def shown(body: str) -> set[UUID]:
        return {i for i in items if f"entries/{i}/" in body}

    for number, item in enumerate(sorted(items)):
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO analyse_aside (id, list_id, item_id, since, matched, hours, rule)"
                " SELECT %s, id, %s, %s, 9, 24, 'r@1' FROM analyse_list WHERE name = 'hosts'",
                [uuid4(), item, now],
            )
        first = web.get(path).content.decode()
        assert ("?aside=2" in first, total in first) == (number == 2, number == 2)
    rest = web.get(f"{path}?aside=2").content.decode()
    assert (len(shown(first)), len(shown(rest))) == (2, 1)
    assert shown(first) | shown(rest) == items
    for odd in ("0", "99", "x", "-1"):
        assert len(shown(web.get(f"{path}?aside={odd}").content.decode())) in {1, 2}


def test_a_supervisor_releases_with_a_reason(
    desk: Desk, sign_in: SignIn, entry: Mapping[str, UUID]
) -> None:
    set_aside(desk, "material")
    path = f"/en/desk/lists/entries/{entry['item']}/"
    web = sign_in("claire")
    assert 'value="RELEASED"' in web.get(path).content.decode()
    assert 'value="RELEASED"' not in sign_in("ana").get(path).content.decode()
    assert sign_in("ana").post(f"{path}release/", {"reason": "x"}).status_code == 403
    refused = web.post(f"{path}release/", {"reason": " "}, follow=True).content.decode()
    assert "Say why" in refused
    assert len(list_asides(ended=False, limit=5)) == 1
    done = web.post(f"{path}release/", {"reason": "Seen.", "outcome": "RELEASED"}, follow=True)
    assert "The entry is in force." in done.content.decode()
    assert list_asides(ended=False, limit=5) == []
    assert acts("list.release") == 1
    listed = web.get("/en/desk/lists/").content.decode()
    assert "put back in force" in listed
    assert "Seen." in listed


def test_a_supervisor_withdraws_what_was_wrong(
    desk: Desk, sign_in: SignIn, entry: Mapping[str, UUID]
) -> None:
    set_aside(desk, "material")
    path = f"/en/desk/lists/entries/{entry['item']}/"
    sign_in("claire").post(f"{path}release/", {"reason": "Blank.", "outcome": "WITHDRAWN"})
    assert get_items(item_ids=[entry["item"]])[entry["item"]].withdrawn_at is not None
    assert "withdrawn" in sign_in("claire").get(path).content.decode()


def test_an_analyst_votes_and_the_last_vote_counts(
    desk: Desk, sign_in: SignIn, entry: Mapping[str, UUID]
) -> None:
    path = f"/en/desk/lists/entries/{entry['item']}/"
    web = sign_in("ana")
    for said in ("DOWN.WRONG_HASH", "UP.CONFIRMED"):
        assert web.post(f"{path}vote/", {"vote": said}).status_code == 302
    for said in ("", "UP", "UP.WRONG_HASH", "SIDEWAYS.OTHER"):
        body = web.post(f"{path}vote/", {"vote": said}, follow=True).content.decode()
        assert "Choose your vote on the entry." in body
    assert count_votes(item_ids=[entry["item"]])[entry["item"]][:2] == (1, 0)
    assert acts("list.vote") == 2
    assert "1 for, 0 against" in web.get(path).content.decode()
    mixed = web.post(f"{path}vote/", {"vote": ["UP.CONFIRMED", "DOWN.OTHER"]}, follow=True)
    assert "Choose reasons for the entry, or against it." in mixed.content.decode()
    assert acts("list.vote") == 2
    nowhere = f"/en/desk/lists/entries/{UUID(int=5)}/"
    assert web.get(nowhere).status_code == 404
    assert web.post(f"{nowhere}vote/", {"vote": "UP.CONFIRMED"}).status_code == 404


@pytest.mark.parametrize(("lang", "word"), [("fr", "Image banale"), ("en", "Common picture")])
def test_every_reason_that_is_ticked_is_kept_and_shown_ticked(
    desk: Desk, sign_in: SignIn, entry: Mapping[str, UUID], lang: str, word: str
) -> None:
    path, web = f"/{lang}/desk/lists/entries/{entry['item']}/", sign_in("ana")
    ticked = ["DOWN.COMMON_IMAGE", "DOWN.NOT_ABUSE", "DOWN.COMMON_IMAGE"]
    body = web.post(f"{path}vote/", {"vote": ticked}, follow=True).content.decode()
    [vote] = list_votes(item_id=entry["item"])
    assert (vote.vote, vote.reasons) == (Vote.DOWN, ("COMMON_IMAGE", "NOT_ABUSE"))
    assert body.count(word) == 2
    boxes = re.findall(r'name="vote" value="([A-Z_.]+)" checked', body)
    assert boxes == ["DOWN.NOT_ABUSE", "DOWN.COMMON_IMAGE"]
    wrong = ["DOWN.NOT_ABUSE", "DOWN.CONFIRMED"]
    web.post(f"{path}vote/", {"vote": wrong})
    assert len(list_votes(item_id=entry["item"])) == 1


@pytest.mark.parametrize(
    ("lang", "offer", "done", "history"),
    [
        ("fr", "Retirer mon vote", "Votre vote ne compte plus", "vote retiré"),
        ("en", "Take my vote back", "Your vote no longer counts", "vote withdrawn"),
    ],
)
def test_a_person_takes_its_own_vote_back(
    desk: Desk, sign_in: SignIn, entry: Mapping[str, UUID], lang: str, offer: str, done: str, history: str
) -> None:  # fmt: skip
    path, web = f"/{lang}/desk/lists/entries/{entry['item']}/", sign_in("ana")
    cast_vote(
        actor=desk.actor("claire"),
        item_id=entry["item"],
        vote=Vote.DOWN,
        reason="COMMON_IMAGE",
        others=["WRONG_CLASS"],
        now=desk.now,
    )
    body = web.get(path).content.decode()
    assert offer not in body
    assert ("La classe est fausse" if lang == "fr" else "The class is wrong") in body
    web.post(f"{path}vote/", {"vote": "TAKEN_BACK"})  # claire's vote is not hers
    web.post(f"{path}vote/", {"vote": "DOWN.WRONG_HASH"})
    assert count_votes(item_ids=[entry["item"]])[entry["item"]][:2] == (0, 2)
    assert offer in web.get(path).content.decode()
    body = web.post(f"{path}vote/", {"vote": "TAKEN_BACK"}, follow=True).content.decode()
    assert done in body
    assert history in body
    assert offer not in body
    assert count_votes(item_ids=[entry["item"]])[entry["item"]][:2] == (0, 1)
    assert acts("list.vote") == 3
