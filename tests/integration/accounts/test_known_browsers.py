"""A browser is known for an account until its password changes, and no longer."""

import pytest
from axes.models import AccessAttempt
from django.core.cache import cache
from django.test import Client

from fanal.accounts.models import User
from fanal.kernel.actors import Role
from tests.integration.accounts.people import PASSWORD, Make, reset

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_second_factor")]
OTHER = "another long sentence that opens"


@pytest.fixture
def ana(make_user: Make) -> User:
    """An analyst, and the supervisor who confirms resets."""
    make_user("claire", Role.SUPERVISOR)
    return make_user("ana", Role.ANALYST)


def _known(password: str = PASSWORD) -> Client:
    """A browser on which ana signed in before."""
    browser = Client(headers={"X-Forwarded-Proto": "https"})
    assert _try(browser, password) == 302
    browser.post("/fr/logout/")
    return browser


def _try(browser: Client, password: str) -> int:
    return browser.post("/fr/login/", {"login": "ana", "password": password}).status_code


def _is_known(browser: Client) -> bool:
    """Return whether the browser's failures are counted apart from those of strangers."""
    AccessAttempt.objects.all().delete()
    cache.clear()
    _try(browser, "wrong")
    name = AccessAttempt.objects.get().username
    AccessAttempt.objects.all().delete()
    return name != "ana"


def test_after_a_reset_of_the_password_nobody_is_known(ana: User) -> None:
    thief = _known()
    assert _is_known(thief)
    new = reset(ana)
    assert not _is_known(thief)
    assert _is_known(_known(new))
    assert not _is_known(thief)
    assert _try(thief, new) == 302
    thief.post("/fr/logout/")
    assert _is_known(thief), "whoever knows the new one is known again"


def test_after_the_person_s_own_change_their_browser_alone_is_known(ana: User) -> None:
    thief, own = _known(), _known()
    copy = Client(headers={"X-Forwarded-Proto": "https"})
    copy.cookies["fanal_device"] = own.cookies["fanal_device"].value
    assert _try(own, PASSWORD) == 302
    wrong = {"oldpassword": "wrong", "password1": OTHER, "password2": OTHER}
    assert own.post("/fr/account/password/", wrong).status_code == 200
    assert _is_known(thief), "nothing has changed yet"
    changed = own.post("/fr/account/password/", wrong | {"oldpassword": PASSWORD})
    assert changed.status_code == 302
    own.post("/fr/logout/")
    assert _is_known(own)
    assert not _is_known(thief)
    assert not _is_known(copy)


def test_a_reset_of_the_factors_sets_a_password_and_leaves_no_browser_known(ana: User) -> None:
    own = _known()
    reset(ana, factors=True)
    assert not _is_known(own)


@pytest.mark.parametrize("value", ["", "x", "e30:1:x"])
def test_a_cookie_that_is_none_makes_nobody_known(ana: User, value: str) -> None:
    browser = Client(headers={"X-Forwarded-Proto": "https"})
    browser.cookies["fanal_device"] = value
    assert not _is_known(browser)
