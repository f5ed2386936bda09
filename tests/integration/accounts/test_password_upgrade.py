"""A password stored by an older hasher is stored anew when it is given, and never in place of a later one."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from asgiref.sync import async_to_sync
from django.conf import LazySettings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import connections
from django.test import Client

from fanal.accounts.models import User
from fanal.accounts.operations.people import change_password
from fanal.kernel.actors import Role
from tests.integration.accounts.people import PASSWORD, Make, reset

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_second_factor")]
OTHER = "some quite other long words 77"
Check = Callable[[User, str], bool]


@pytest.fixture
def ana(make_user: Make, settings: LazySettings) -> User:
    """An account whose password is stored by another hasher than the present one."""
    hashers = "django.contrib.auth.hashers"
    settings.PASSWORD_HASHERS = [
        f"{hashers}.MD5PasswordHasher",
        f"{hashers}.PBKDF2PasswordHasher",
    ]
    make_user("claire", Role.SUPERVISOR)
    user = make_user("ana", Role.ANALYST)
    user.password = PBKDF2PasswordHasher().encode(PASSWORD, "saltsaltsalt1", 1000)
    user.save(update_fields=["password"])
    return user


def _reset(user: User) -> str:
    return reset(User.objects.get(pk=user.pk))


def _change(user: User) -> str:
    assert change_password(user=User.objects.get(pk=user.pk), password=OTHER)
    return OTHER


def _same(user: User) -> str:
    """Another sign-in of the same person stores it anew first."""
    assert User.objects.get(pk=user.pk).check_password(PASSWORD)
    return PASSWORD


def _asynchronous(user: User, raw: str) -> bool:
    def ask() -> bool:
        try:
            return async_to_sync(user.acheck_password)(raw)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as apart:  # a browser's loop may run in this thread
        return apart.submit(ask).result()


@pytest.mark.parametrize("check", [User.check_password, _asynchronous])
@pytest.mark.parametrize("meanwhile", [_reset, _change, _same])
def test_a_sign_in_in_progress_never_stores_an_earlier_password_again(
    ana: User, meanwhile: Callable[[User], str], check: Check
) -> None:
    now_right = meanwhile(ana)
    assert check(ana, PASSWORD) is (now_right == PASSWORD), "ana was loaded before"
    stored = User.objects.get(pk=ana.pk)
    assert stored.check_password(now_right)
    assert stored.password == ana.password


@pytest.mark.parametrize("check", [User.check_password, _asynchronous])
def test_a_password_is_stored_by_the_present_hasher_when_it_is_given(
    ana: User, check: Check
) -> None:
    before = ana.password
    assert not check(ana, OTHER)
    assert User.objects.get(pk=ana.pk).password == before
    assert check(ana, PASSWORD)
    assert User.objects.get(pk=ana.pk).password == ana.password != before
    browser = Client(headers={"X-Forwarded-Proto": "https"})
    answer = browser.post("/en/login/", {"login": "ana", "password": PASSWORD})
    assert answer.status_code == 302
    assert browser.get("/en/account/").status_code == 200
