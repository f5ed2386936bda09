"""Single sign-on in a real Chromium: the button, a provider that leads on to another host, and back."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from fanal.kernel.actors import Role
from fanal.web.account.single_sign_on import link_subject
from tests.integration.accounts.people import make_user
from tests.integration.accounts.provider import Provider, set_up

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.ignore_template_errors]


@pytest.fixture
def provider(settings: object, live_server: LiveServer) -> Iterator[Provider]:
    """A provider whose person agrees at once, and who come back to the live server."""
    stub = Provider()
    stub.home = live_server.url
    set_up(settings, stub)
    yield stub
    stub.stop()


@pytest.mark.parametrize("script", [True, False])
def test_the_button_leads_through_the_provider_and_back(
    chromium: Browser,
    live_server: LiveServer,
    provider: Provider,
    installed_keys: None,
    script: bool,
) -> None:
    """The content policy stops a form's redirects to any host but this one, in Chromium and Safari."""
    link_subject(user=make_user("claire", Role.SUPERVISOR), subject="subject-1")
    with chromium.new_context(java_script_enabled=script, locale="fr") as context:
        page = context.new_page()
        refused: list[str] = []
        page.on("console", lambda m: refused.append(m.text) if m.type == "error" else None)
        page.goto(f"{live_server.url}/fr/login/")
        page.get_by_role("button", name="ProConnect").click()
        page.wait_for_url(lambda url: "/login/" not in url and url.startswith(live_server.url))
        assert refused == []
        page.goto(f"{live_server.url}/fr/account/")
        assert "Mon compte" in page.inner_text("h1")
    assert [asked["response_type"] for asked in provider.asked] == ["code"]
