"""Single sign-on against a provider of ProConnect's shape, over real HTTP on loopback."""

import html
import inspect

import pytest
from django.db import connection
from django.test import Client

from fanal.cli.accounts import user_link
from fanal.cli.failures import CommandRefused
from fanal.kernel.actors import Role, system_actor
from fanal.ledger import queries as ledger
from fanal.web.account.single_sign_on import SubjectTaken, link_subject
from tests.integration.accounts.people import PASSWORD, Make
from tests.integration.accounts.provider import Provider, led_to

pytestmark = [pytest.mark.django_db, pytest.mark.ignore_template_errors]


def _to_provider(web: Client) -> str:
    answer = web.post("/fr/login/with/oidc/login/")
    assert answer.status_code == 200
    return led_to(answer)


def test_the_sign_in_page_offers_the_provider(web: Client, provider: Provider) -> None:
    page = web.get("/fr/login/")
    assert "ProConnect" in page.content.decode()
    assert "form-action 'self';" in f"{page['Content-Security-Policy']};"


def test_no_form_leads_to_the_provider_itself(web: Client, provider: Provider) -> None:
    """Chromium and Safari hold every redirect that follows a form to `form-action`; a page's lead they do not."""
    answer = web.post("/fr/login/with/oidc/login/")
    assert (answer.status_code, answer["Cache-Control"].count("no-store")) == (200, 1)
    target = led_to(answer)
    assert target.startswith(f"{provider.issuer}/authorize?")
    assert f'href="{html.escape(target)}"' in answer.content.decode()


def test_a_linked_subject_signs_in_and_still_owes_the_second_factor(
    web: Client, provider: Provider, make_user: Make
) -> None:
    user = make_user("claire", Role.SUPERVISOR)
    link_subject(user=user, subject="subject-1")
    answer = web.get(provider.authorize(_to_provider(web)))
    assert answer.status_code == 302
    assert answer["Location"] == "/fr/home/"
    assert web.get("/fr/account/").status_code == 200
    assert web.get("/fr/account/habilitations/")["Location"] == "/fr/account/second-factor/"
    assert "code_verifier" in provider.token_calls[0]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM socialaccount_socialtoken")
        assert cursor.fetchone() == (0,)


@pytest.mark.parametrize("process", ["connect", "redirect"])
def test_nobody_links_a_subject_to_their_own_account(
    web: Client, provider: Provider, make_user: Make, process: str
) -> None:
    from allauth.socialaccount.models import SocialAccount

    make_user("claire", Role.SUPERVISOR)
    assert web.post("/fr/login/", {"login": "claire", "password": PASSWORD}).status_code == 302
    answer = web.post(f"/fr/login/with/oidc/login/?process={process}")
    back = web.get(provider.authorize(led_to(answer)))
    assert (back.status_code, back["Location"]) == (302, "/fr/account/")
    assert not SocialAccount.objects.exists()
    home = web.get("/fr/account/").content.decode()
    assert "Seul un administrateur" in home


def test_an_unknown_subject_opens_nothing(web: Client, provider: Provider, make_user: Make) -> None:
    user = make_user("claire", Role.SUPERVISOR)
    provider.claims = {"sub": "stranger", "email": "claire@example.test", "email_verified": True}
    answer = web.get(provider.authorize(_to_provider(web)))
    assert (answer.status_code, answer["Location"]) == (302, "/fr/login/")
    assert "Demandez à l’administrateur" in web.get("/fr/login/").content.decode()
    assert web.get("/fr/account/").status_code == 302
    assert type(user).objects.count() == 1


@pytest.mark.parametrize(
    "claims", [{"aud": "another"}, {"iss": "https://evil.example"}, {"exp": 1}, {"aud": None}]
)
def test_a_token_for_somebody_else_is_refused(
    web: Client, provider: Provider, make_user: Make, claims: dict[str, object]
) -> None:
    link_subject(user=make_user("claire", Role.SUPERVISOR), subject="subject-1")
    provider.claims = {k: v for k, v in claims.items() if v is not None} or {"aud": ["x", "y"]}
    web.get(provider.authorize(_to_provider(web)))
    assert web.get("/fr/account/").status_code == 302


def test_a_state_of_another_browser_is_refused(
    web: Client, provider: Provider, make_user: Make
) -> None:
    link_subject(user=make_user("claire", Role.SUPERVISOR), subject="subject-1")
    back = provider.authorize(_to_provider(web))
    victim = Client(headers={"X-Forwarded-Proto": "https"})
    victim.get(back)
    assert victim.get("/fr/account/").status_code == 302
    assert not provider.token_calls, "the code was not even spent"


def test_a_closed_account_stays_closed(web: Client, provider: Provider, make_user: Make) -> None:
    user = make_user("claire", Role.SUPERVISOR)
    link_subject(user=user, subject="subject-1")
    type(user).objects.filter(pk=user.pk).update(is_active=False)
    web.get(provider.authorize(_to_provider(web)))
    assert web.get("/fr/account/").status_code == 302


def test_a_subject_belongs_to_one_account(make_user: Make) -> None:
    link_subject(user=make_user("ana"), subject="subject-1")
    with pytest.raises(SubjectTaken):
        link_subject(user=make_user("bruno"), subject="subject-1")


def test_a_link_is_in_the_ledger_and_ends_sessions(
    make_user: Make,
) -> None:
    """Whoever the provider calls so is the person from then on, up to their second factor."""
    user = make_user("ana")
    epoch = user.session_epoch
    run = inspect.unwrap(user_link.callback)
    for subject in ("", "  ", "a\tb", "x" * 192):
        with pytest.raises(CommandRefused, match="SUBJECT_UNKNOWN"):
            run("ana", subject)
    for _ in range(2):  # the second changes nothing
        run("ana", "subject-9")
    user.refresh_from_db()
    assert user.session_epoch == epoch + 1
    entries = ledger.entries_of(actor=system_actor("test"), object_id=user.person_id)
    linked = [one for one in entries if one.detail.get("changed") == "SINGLE_SIGN_ON"]
    assert [one.action for one in linked] == ["account.change"]
