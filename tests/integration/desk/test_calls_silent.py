"""A desk that could call nobody for a child in danger says so on each of its pages."""

import dataclasses
from collections.abc import Callable, Iterator

import psycopg
import pytest
from django.test import Client
from psycopg import sql

from fanal.connectors import mail

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
BANNER, SHUT = "data-calls-silent", "data-nodes-closed"


@pytest.fixture
def set_up() -> Iterator[mail.Mailer]:
    """Return a mailer that lacks nothing, and put back what the process had."""
    before = mail.current()
    yield dataclasses.replace(
        before, url="smtps://mail.desk.fr", duty=("night@desk.fr",), sender="desk@desk.fr"
    )
    mail.install(before)


def test_every_page_of_the_desk_says_that_calls_reach_nobody(
    sign_in: SignIn, set_up: mail.Mailer
) -> None:
    browser = sign_in("claire")
    for lacking in ({"url": ""}, {"duty": ()}, {"duty": ("duty@fanal.test",)}):
        mail.install(dataclasses.replace(set_up, **lacking))  # type: ignore[arg-type]
        for path in ("/en/desk/", "/fr/desk/search/"):
            assert BANNER in browser.get(path).content.decode(), (lacking, path)


def test_nothing_is_said_where_the_channel_is_set_up_or_in_a_demo(
    sign_in: SignIn, set_up: mail.Mailer
) -> None:
    browser = sign_in("claire")
    for working in (set_up, dataclasses.replace(set_up, url="", demo=True)):
        mail.install(working)
        assert BANNER not in browser.get("/en/desk/").content.decode()


def test_every_page_of_the_desk_says_that_public_nodes_are_shut_out(
    sign_in: SignIn, as_role: Callable[[str], psycopg.Connection[tuple[object, ...]]]
) -> None:
    browser, owner = sign_in("claire"), as_role("owner")
    pages = [browser.get(path).content.decode() for path in ("/en/desk/", "/fr/desk/search/")]
    assert not any(SHUT in page for page in pages)
    name = sql.Identifier(owner.info.dbname)
    # Tests' own database is everybody's.
    owner.execute(sql.SQL("REVOKE CONNECT ON DATABASE {} FROM PUBLIC").format(name))
    owner.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO fanal_app").format(name))
    try:
        pages = [browser.get(path).content.decode() for path in ("/en/desk/", "/fr/desk/search/")]
    finally:
        owner.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO PUBLIC").format(name))
    assert all(SHUT in page for page in pages)
