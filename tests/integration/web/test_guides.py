"""Guides are served by the installation to everybody who is signed in, in the language of the page."""

from collections.abc import Callable, Iterator
from http import HTTPStatus

import pytest
from django.conf import settings
from django.test import Client

from fanal.kernel.actors import Role
from fanal.web.guides.texts import guides
from tests.integration.accounts.people import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(installed_keys: None) -> Iterator[Callable[[Role], Client]]:
    """Return a function that signs a person of a role in, without a second factor."""
    from fanal.web.account import second_factor

    second_factor.install(required=False)

    def sign_in(role: Role) -> Client:
        client = Client(headers={"X-Forwarded-Proto": "https"})
        client.force_login(make_user("guided", role), backend=settings.AUTHENTICATION_BACKENDS[1])
        return client

    yield sign_in
    second_factor.install(required=True)


@pytest.mark.parametrize("role", [Role.ANALYST, Role.OVERSEER, Role.ADMINISTRATOR])
@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_guide_is_a_page(
    browser: Callable[[Role], Client], role: Role, language: str
) -> None:
    client = browser(role)
    listing = client.get(f"/{language}/guides/").content.decode()
    for name, guide in guides()[language].items():
        assert f'href="/{language}/guides/{name}/"' in listing
        page = client.get(f"/{language}/guides/{name}/").content.decode()
        assert guide.html in page
        assert f"<h1>{guide.title}</h1>" in page.replace("&#x27;", "'")


def test_the_bar_leads_to_the_guide_of_the_page(browser: Callable[[Role], Client]) -> None:
    client = browser(Role.ANALYST)
    assert 'href="/fr/guides/analyst/#work-the-queue"' in client.get("/fr/desk/").content.decode()
    missing = client.get("/en/desk/nothing-here/")
    assert missing.status_code == HTTPStatus.NOT_FOUND


def test_no_guide_of_that_name_and_none_without_signing_in(
    browser: Callable[[Role], Client],
) -> None:
    client = browser(Role.ANALYST)
    assert client.get("/fr/guides/operator-run/").status_code == HTTPStatus.NOT_FOUND
    stranger = Client(headers={"X-Forwarded-Proto": "https"})
    assert stranger.get("/fr/guides/analyst/").status_code == HTTPStatus.FOUND
