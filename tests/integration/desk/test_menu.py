"""The menu: a role's pages of each day, the others folded beneath them; it stays where a page is refused or missing."""

import re
from collections.abc import Callable

import pytest
from django.test import Client

from fanal.orient.domain.records import QueueFilter, QueueView
from fanal.orient.queue.queries import list_queue
from fanal.web.components.navigation import menu_of
from tests.integration.desk.story import Desk

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]


def hrefs(groups: list) -> list[str]:
    """The addresses of a menu's groups."""
    return [link.href for _title, links in groups for link in links]


@pytest.mark.parametrize("name", ["ana", "claire", "driss", "elise"])
def test_the_pages_of_each_day_are_few_and_none_is_lost(desk: Desk, name: str) -> None:
    menu = menu_of(desk.actor(name), "/fr/desk/search/")
    shown, folded = hrefs(menu.shown), hrefs(menu.folded)
    assert 7 <= len(shown) <= 9
    assert folded
    assert not set(shown) & set(folded)
    assert not menu.unfolded
    assert [href for href in shown if href.endswith("/desk/search/")]


@pytest.mark.parametrize("name", ["gabrielle", "hugo"])
def test_a_short_menu_is_shown_whole(desk: Desk, name: str) -> None:
    menu = menu_of(desk.actor(name), "/fr/desk/statistics/")
    assert hrefs(menu.shown)
    assert menu.folded == []


def test_a_folded_page_unfolds_its_menu(desk: Desk, sign_in: SignIn) -> None:
    ana = sign_in("ana")
    assert '<details class="fd-nav-all">' in ana.get("/fr/desk/").content.decode()
    assert '<details class="fd-nav-all" open>' in ana.get("/fr/desk/statistics/").content.decode()


@pytest.mark.parametrize(("path", "code"), [("nowhere/", 404), ("account/people/", 403)])
def test_it_stays_where_a_page_is_refused_or_missing(
    desk: Desk, sign_in: SignIn, path: str, code: int
) -> None:
    for client, kept in ((sign_in("ana"), True), (Client(), False)):
        answer = client.get(f"/fr/{path}", headers={"X-Forwarded-Proto": "https"})
        page = answer.content.decode()
        if kept or code == 404:
            assert answer.status_code == code
        assert ('class="fd-nav"' in page) is kept
        if kept:
            assert len(re.findall("<h1", page)) == 1


def test_what_waits_stands_beside_the_menu(desk: Desk, sign_in: SignIn) -> None:
    open_ = len(
        list_queue(
            actor=desk.actor("ana"), view=QueueView.OPEN, filters=QueueFilter(), now=desk.now
        ).cases
    )
    page = sign_in("ana").get("/fr/desk/counts/").content.decode()
    count = re.search(r'id="count-desk-queue".*?</span>(\d+)</span>', page)
    assert count
    assert int(count[1]) == open_ > 0
    assert 'hx-get="/fr/desk/counts/"' in sign_in("ana").get("/fr/desk/").content.decode()
    assert sign_in("hugo").get("/fr/desk/counts/").status_code == 403
    assert "desk/counts/" not in sign_in("hugo").get("/fr/desk/statistics/").content.decode()
