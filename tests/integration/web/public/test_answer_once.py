"""A follow-up page that is sent again: the desk has each answer once, and each alarm."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.db import OperationalError, connections
from django.test import Client

from fanal.web.public import follow as follow_view
from tests.integration.web.public.test_public_node import (
    CODE,
    NOW,
    fresh_limits,
    send,
    to_check_page,
)

__all__ = ["fresh_limits"]
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.role("intake"),
    pytest.mark.usefixtures("installed_keys"),
    pytest.mark.urls("fanal.config.urls_public"),
]
HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')
COUNT = "SELECT count(*) FROM intake_message WHERE NOT from_desk"
Post = Callable[[dict[str, str]], str]


@pytest.fixture
def owner(as_role: Callable[[str], object]) -> object:
    return as_role("owner")


@pytest.fixture
def post() -> Post:
    """Send a follow-up form, a minute after the last one; return the page."""
    client, sent = Client(raise_request_exception=False), []

    def post(fields: dict[str, str]) -> str:
        sent.append(fields)
        with time_machine.travel(NOW + timedelta(minutes=len(sent)), tick=False):
            answer = client.post("/fr/follow/", fields)
        assert answer.status_code in {200, 503}
        return answer.content.decode()

    return post


@pytest.fixture
def page(post: Post) -> str:
    """The follow-up page of a report without messages."""
    client = Client()
    with time_machine.travel(NOW, tick=False):
        draft = to_check_page(client)
    found = CODE.search(send(client, draft)[1])
    assert found is not None
    return post({"code": found.group(1)})


def form(page: str, text: str, **more: str) -> dict[str, str]:
    """Return the form of an answer as a browser sends it from a page."""
    own = page[page.index("<form ", page.index("<main")) :]
    return (
        dict(HIDDEN.findall(own[: own.index("</form>")])) | {"act": "answer", "text": text} | more
    )


def count(owner: object) -> int:
    return int(owner.execute(COUNT).fetchone()[0])  # type: ignore[attr-defined]


def test_an_answer_that_is_reloaded_is_one_and_says_that_it_arrived(
    page: str, post: Post, owner: object
) -> None:
    fields = form(page, "Yes.")
    for _ in range(3):
        assert "Votre message est arrivé" in post(fields)
    assert count(owner) == 1


def test_an_answer_pressed_twice_at_once_is_one(page: str, owner: object) -> None:
    """Each press has its own connection; neither sees the other's row before both have looked for it."""
    fields = form(page, "Yes.")

    def press(_: int) -> int:
        try:
            with time_machine.travel(NOW + timedelta(minutes=2), tick=False):
                return Client(raise_request_exception=False).post("/fr/follow/", fields).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(press, range(6))) == {200}
    assert count(owner) == 1


def test_an_answer_that_arrived_unheard_is_one_when_it_is_sent_again(
    page: str, post: Post, owner: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_values: object, **_more: object) -> None:
        raise OperationalError("gone")

    with monkeypatch.context() as broken:
        broken.setattr(follow_view, "_status", gone)
        again = post(form(page, "Yes."))
    assert "peut-être pas arrivé" in again
    assert "Votre message est arrivé" in post(form(again, "Yes."))
    assert count(owner) == 1


def test_the_same_words_sent_from_a_later_page_are_another_answer(
    page: str, post: Post, owner: object
) -> None:
    later = post(form(page, "Yes."))
    post(form(later, "Yes."))
    assert count(owner) == 2


def test_a_reload_after_another_answer_is_no_third(page: str, post: Post, owner: object) -> None:
    first = form(page, "Yes.")
    second = form(post(first), "On Tuesday.")
    post(second)
    post(first)
    assert count(owner) == 2


def test_other_words_from_the_same_page_are_another_answer(
    page: str, post: Post, owner: object
) -> None:
    post(form(page, "Yes."))
    post(form(page, "No."))
    assert count(owner) == 2


def test_danger_that_is_added_to_words_that_were_sent_is_heard(
    page: str, post: Post, owner: object
) -> None:
    owner.execute("DELETE FROM orient_alarm")  # type: ignore[attr-defined] # the form's own rang
    post(form(page, "He is here."))
    assert "Notre équipe est alertée" in post(form(page, "He is here.", danger="YES"))
    alarms = owner.execute("SELECT count(*) FROM orient_alarm").fetchone()  # type: ignore[attr-defined]
    assert alarms == (1,)
    assert count(owner) == 1


def test_nobody_who_reads_the_database_can_try_out_words(
    page: str, post: Post, owner: object
) -> None:
    """The same words under two codes leave nothing alike."""
    post(form(page, "Yes."))
    client = Client()
    with time_machine.travel(NOW, tick=False):
        draft = to_check_page(client)
    found = CODE.search(send(client, draft)[1])
    assert found is not None
    post(form(post({"code": found.group(1)}), "Yes."))
    ids = owner.execute("SELECT id FROM intake_message").fetchall()  # type: ignore[attr-defined]
    assert len({str(one[0])[-16:] for one in ids}) == 2
