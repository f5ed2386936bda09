"""The pages of the exchange: who read what, and what is open to a partner; never a hash."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fanal.accounts.domain.instructions import InstructionKind
from fanal.accounts.models import User
from fanal.accounts.queries.people import find_partner, find_user
from fanal.analyse.material.domain.lists import Sharing
from fanal.analyse.material.queries.lists import list_votes
from fanal.exchange.domain.records import ListSource, Service
from fanal.exchange.operations import sources as operations
from fanal.kernel import clock
from fanal.kernel.actors import Role
from fanal.kernel.ids import new_id
from tests.integration.accounts.people import make_user
from tests.integration.exchange.sharing import SYSTEM, instruct, load, make_list, md5

pytestmark = pytest.mark.django_db


@pytest.fixture
def password_is_enough() -> Iterator[None]:
    from fanal.web.account import second_factor

    second_factor.install(required=False)
    yield
    second_factor.install(required=True)


def browser(user: User) -> Client:
    client = Client(headers={"X-Forwarded-Proto": "https"})
    client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[1])
    return client


def add_source(name: str, listed: str) -> ListSource:
    now = clock.now()
    source = ListSource(
        id=new_id(now),
        name=name,
        kind=Service.HASHSHARING,
        url="https://lists.example/hashsharing",
        list_id=make_list(listed),
        added_at=now,
    )
    operations.add_source(actor=SYSTEM, source=source, now=now)
    return source


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_desk_sees_readers_and_sources(
    member: Client, password_is_enough: None, language: str
) -> None:
    instruct(InstructionKind.LIST_SERVICE)
    make_list("harbour")
    load("harbour", md5(7))
    member.get("/hashsharing/v2/entries")
    member.get("/hashsharing/v2/entries?from=x")
    failed = add_source("quay", "from the quay")
    operations.note_failure(actor=SYSTEM, source=failed, code="TLS", now=clock.now())
    off = add_source("old", "from the old")
    operations.switch_source(actor=SYSTEM, source=off, enabled=False, now=clock.now())
    add_source("waits", "from nobody")
    instruct(InstructionKind.LIST_FETCH, "from the quay")
    page = browser(find_user(username="proposer")).get(f"/{language}/desk/exchange/")
    text = page.content.decode()
    for words in ("Quay Test Host", "quay", "https://lists.example/hashsharing", "from the old"):
        assert words in text
    told = {
        "fr": ("le certificat du serveur", "Arrêtée", "Attend une instruction", "date illisible"),
        "en": ("certificate is not trusted", "Switched off", "Waits for a standing", "unreadable date"),
    }[language]  # fmt: skip
    assert [words for words in told if words not in text] == []
    assert md5(7) not in text


def test_instructions_are_asked_for_once_however_many_sources_and_lists(
    member: Client, password_is_enough: None
) -> None:
    instruct(InstructionKind.LIST_SERVICE)
    add_source("first", "first list")
    web = browser(find_user(username="proposer"))

    def asked(client: Client, page: str) -> int:
        with CaptureQueriesContext(connection) as seen:
            assert client.get(page).status_code == 200
        return sum('FROM "accounts_instruction"' in one["sql"] for one in seen)

    pages = [(web, "/en/desk/exchange/"), (member, "/hashsharing/v2/entries")]
    few = [asked(client, page) for client, page in pages]
    for number in range(4):
        add_source(f"source {number}", f"list {number}")
    assert [asked(client, page) for client, page in pages] == few
    assert few == [1, 1]


def test_a_partner_sees_its_own_lists_alone(member: Client, password_is_enough: None) -> None:
    instruct(InstructionKind.LIST_SERVICE)
    shown = make_list("harbour", description="Synthetic.")
    make_list("closed list", legal_basis="")
    load("harbour", md5(7))
    partner = find_partner(name="Quay Test Host")
    client = browser(make_user("member", Role.PARTNER, organisation=partner))
    before = client.get("/en/partners/lists/").content.decode()
    assert "have read nothing yet" in before
    member.get("/hashsharing/v2/entries")
    text = client.get("/en/partners/lists/").content.decode()
    assert str(shown) in text
    assert "Synthetic." in text
    assert "closed list" not in text
    assert "have read nothing yet" not in text
    assert md5(7) not in text


def test_a_partners_person_has_no_vote_on_what_it_cannot_see(
    member: Client, password_is_enough: None
) -> None:
    make_list("at the desk", sharing=Sharing.DESK)
    [item] = load("at the desk", md5(7))
    partner = find_partner(name="Quay Test Host")
    client = browser(make_user("member", Role.PARTNER, organisation=partner))
    path = f"/en/desk/lists/entries/{item}/vote/"
    assert client.post(path, {"vote": "DOWN.NOT_ABUSE"}).status_code == 403
    assert list_votes(item_id=item) == []


def test_nobody_else_sees_either(member: Client, password_is_enough: None) -> None:
    analyst = browser(make_user("analyst", Role.ANALYST, at=clock.now()))
    assert analyst.get("/en/desk/exchange/").status_code == 403
    assert analyst.get("/en/partners/lists/").status_code == 403
