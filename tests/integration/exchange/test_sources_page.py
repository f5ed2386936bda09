"""Sources at the desk: added by form, tested against a real server, switched off; its secret is never shown."""

from collections.abc import Iterator
from typing import Protocol

import pytest
from django.test import Client

from fanal.accounts.domain.instructions import InstructionKind
from fanal.accounts.operations.partners import add_partner
from fanal.connectors import outside
from fanal.exchange import queries
from fanal.kernel import clock
from fanal.kernel.actors import Role
from fanal.ledger import queries as ledger
from tests.integration.accounts.people import make_user
from tests.integration.exchange.sharing import (
    SYSTEM,
    instruct,
    load,
    make_list,
    make_supervisors,
    md5,
)
from tests.integration.exchange.test_fetching import behind
from tests.integration.exchange.test_pages import browser, password_is_enough

__all__ = ["password_is_enough"]
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
ADD = "/en/desk/exchange/sources/add/"
TYPED = {
    "name": "Hotline Example", "kind": "HASHSHARING", "url": "https://lists.example/hashsharing/",
    "list": "mirror", "login": "fanal", "secret": "canary secret 771", "every": "60",
}  # fmt: skip


class Server(Protocol):
    url: str


@pytest.fixture(autouse=True)
def here(db: None, password_is_enough: None) -> Iterator[None]:
    make_supervisors()
    yield
    outside.install(outside.Door())


def supervisor() -> Client:
    return browser(make_user("sonia", Role.SUPERVISOR, at=clock.now()))


def test_a_source_is_added_and_its_secret_never_shown() -> None:
    make_list("mirror")
    web = supervisor()
    assert "mirror" in web.get(ADD).content.decode()
    answer = web.post(ADD, TYPED)
    source = queries.find_source(actor=SYSTEM, name="Hotline Example")
    assert source is not None
    assert answer["Location"] == f"/en/desk/exchange/sources/{source.id}/"
    assert (source.url, source.login, source.every_minutes) == (
        "https://lists.example/hashsharing", "fanal", 60,
    )  # fmt: skip
    assert source.secret_id is not None
    page = web.get(answer["Location"]).content.decode()
    assert "canary secret" not in page
    assert "password sealed" in page
    assert "Waits for a standing instruction" in page
    assert "Source of a list added" in page
    assert "Hotline Example" in web.get("/en/desk/exchange/").content.decode()
    instruct(InstructionKind.LIST_FETCH)
    assert "Imported automatically" in web.get(answer["Location"]).content.decode()
    switch = f"{answer['Location']}switch/"
    web.post(switch, {"enabled": "no"})
    assert "Switched off" in web.get(answer["Location"]).content.decode()
    web.post(switch, {"enabled": "yes"})
    assert "Imported automatically" in web.get(answer["Location"]).content.decode()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": " "}, "a name has"),
        ({"kind": "FTP"}, "choose the service"),
        ({"url": "http://lists.example/"}, "must begin with https"),
        ({"url": "https://u:p@lists.example/"}, "public internet"),
        ({"list": "none"}, "no such list"),
        ({"list": "mirror\x00"}, "no such list"),
        ({"name": "a\x00"}, "a name has"),
        ({"every": "1"}, "how often"),
        ({"collection": "c"}, "collection"),
        ({"login": "a:b"}, "cannot be stored"),
    ],
)
def test_what_cannot_be_is_refused_in_words(change: dict[str, str], words: str) -> None:
    make_list("mirror")
    answer = supervisor().post(ADD, TYPED | change)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert words in page
    assert "canary secret" not in page
    assert queries.list_sources(actor=SYSTEM) == []


def test_a_connection_is_tested_against_a_server_and_takes_nothing(
    live_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    instruct(InstructionKind.LIST_SERVICE)
    make_list("harbour")
    load("harbour", md5(7), md5(8))
    make_list("mirror")
    outside.install(outside.Door(loopback=True, seconds=60))
    monkeypatch.setattr("fanal.web.desk.material.exchange.has_demo_mark", lambda: True)
    partner = add_partner(actor=SYSTEM, name="Fetcher", now=clock.now())
    behind(monkeypatch)
    web, at = supervisor(), {"url": f"{live_server.url}/hashsharing", "login": partner.user}
    told = []
    for name, secret in (("right", partner.password), ("wrong", "x")):
        web.post(ADD, TYPED | at | {"name": name, "secret": secret})
        source = queries.find_source(actor=SYSTEM, name=name)
        assert source is not None
        where = f"/en/desk/exchange/sources/{source.id}/"
        told.append(web.post(f"{where}test/", follow=True).content.decode())
        checkpoint = queries.get_checkpoint(source_id=source.id)
        assert (checkpoint.pages, checkpoint.taken) == (0, 0)
        history = ledger.entries_of(actor=SYSTEM, object_id=source.id)
        told.append(next(e.detail["failed"] for e in history if e.action == "source.test"))
    assert "The server answers: 2 entries on the next page." in str(told[0])
    assert "The connection fails: the server refuses our credentials." in str(told[2])
    assert told[1::2] == ["", "NOT_AUTHORISED"]


def test_an_analyst_sees_no_source() -> None:
    make_list("mirror")
    web = browser(make_user("ana", Role.ANALYST, at=clock.now()))
    assert web.get(ADD).status_code == 403
    assert web.post(ADD, TYPED).status_code == 403
    overseer = browser(make_user("gabi", Role.OVERSEER, at=clock.now()))
    supervisor().post(ADD, TYPED)
    source = queries.find_source(actor=SYSTEM, name="Hotline Example")
    assert source is not None
    where = f"/en/desk/exchange/sources/{source.id}/"
    page = overseer.get(where).content.decode()
    assert "Test the connection" not in page
    assert overseer.post(f"{where}test/").status_code == 403
