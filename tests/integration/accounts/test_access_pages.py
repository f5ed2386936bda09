"""Partners' access in the browser: opened with secrets that are shown once, ended at once."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.test import Client

from fanal.accounts.domain.records import OrganisationKind
from fanal.accounts.models import PartnerCredential
from fanal.accounts.operations.people import ensure_organisation
from fanal.kernel import clock
from fanal.kernel.actors import Role, system_actor
from fanal.web.account import second_factor
from tests.integration.accounts.people import make_user

pytestmark = pytest.mark.django_db
LIST, ADD, END = (f"/en/account/access/{end}" for end in ("", "add/", "revoke/"))


@pytest.fixture
def admin() -> Iterator[Client]:
    """A browser signed in as an administrator; the second factor has its own tests."""
    second_factor.install(required=False)
    client = Client(headers={"X-Forwarded-Proto": "https"})
    client.force_login(
        make_user("ines", Role.ADMINISTRATOR), backend=settings.AUTHENTICATION_BACKENDS[1]
    )
    yield client
    second_factor.install(required=True)


def test_an_access_is_opened_shown_once_and_ended(admin: Client) -> None:
    answer = admin.post(ADD, {"name": "  Example   Platform ", "quota": "600"})
    issued = answer.context["issued"]
    page = answer.content.decode()
    assert issued.partner == "Example Platform"
    assert all(word in page for word in (issued.user, issued.password, issued.token))
    listed = admin.get(LIST).content.decode()
    assert "Example Platform" in listed
    assert "600" in listed
    assert issued.token not in listed
    assert issued.password not in listed
    assert admin.post(END, {"login": issued.user}).status_code == 302
    [row] = PartnerCredential.objects.filter(login=issued.user)
    assert row.revoked_at is not None
    assert admin.get(LIST).context["open"] == []


def test_no_further_one_of_a_known_partner(admin: Client) -> None:
    """With it an administrator alone would act in the partner's name."""
    admin.post(ADD, {"name": "Example"})
    for name in ("Example", "example", " Example "):
        refused = admin.post(ADD, {"name": name, "again": "yes"})
        assert refused.status_code == 422
        assert "fanal partner add" in refused.content.decode()
        assert refused.context["issued"] is None
    ensure_organisation(
        actor=system_actor("test"), kind=OrganisationKind.AUTHORITY, name="Court", now=clock.now()
    )
    assert admin.post(ADD, {"name": "Court"}).status_code == 422
    assert PartnerCredential.objects.count() == 1


@pytest.mark.parametrize(
    "posted",
    [
        {"name": ""},
        {"name": "a:b"},
        {"name": "x" * 101},
        {"name": "a\0b"},
        {"name": "a\u202eb"},
        {"name": "a", "quota": "0"},
        {"name": "a", "quota": "-1"},
        {"name": "a", "quota": "²"},
        {"name": "a", "quota": "9" * 5000},
    ],
)
def test_what_is_typed_wrong_opens_nothing(admin: Client, posted: dict[str, str]) -> None:
    answer = admin.post(ADD, posted)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.content.decode()
    assert not PartnerCredential.objects.exists()


@pytest.mark.parametrize("login", ["", "nobody", "a\0b"])
def test_the_end_of_none(admin: Client, login: str) -> None:
    assert admin.post(END, {"login": login}).status_code == 404
