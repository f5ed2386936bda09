"""Limits of guessing: five wrong passwords close an account's sign-in to browsers it does not know.

They do so for a quarter of an hour, whatever address they come from. A browser that has signed in to the
account before is counted apart, and waits a minute: no stranger shuts the person out (`web.account.devices`).
Security keys and single sign-on are not counted: nobody guesses them. Passwords that are being looked at
count too: many at one instant are no more guesses than as many in a row. The library stores what these
functions give it: a login, with the browser's mark where it is known, and neither address nor user agent.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from allauth.mfa.signals import authentication_failed
from axes.conf import settings
from axes.handlers.database import AxesDatabaseHandler
from axes.models import AccessAttempt
from django.contrib.auth.models import AbstractBaseUser
from django.core.cache import cache
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from fanal.accounts import operations
from fanal.accounts.domain.records import MAXIMUM_LOGIN, canonical_login
from fanal.kernel import clock
from fanal.web.account import devices

_LOCKED = 429
UNKNOWN_WAIT, KNOWN_WAIT = timedelta(minutes=15), timedelta(minutes=1)
_MOST_FAILURES: Final = int(settings.AXES_FAILURE_LIMIT)
_NOTED_EVERY = 60
"""Seconds between two entries of the ledger on an account that waits."""
_LONGEST_LOOK: Final = timedelta(minutes=1)
_BESIDE = "\x1f"


def login_of(request: HttpRequest | None, credentials: dict[str, object] | None = None) -> str:
    """Return the canonical login that is being tried."""
    given = (credentials or {}).get("username")
    if given is None and request is not None:
        given = request.POST.get("login", "")
    return canonical_login(str(given or ""))[:MAXIMUM_LOGIN]


def counted_as(request: HttpRequest | None, credentials: dict[str, object] | None = None) -> str:
    """Return under which name a failure counts: the login, apart for each browser known to it."""
    login = login_of(request, credentials)
    mark = devices.known_as(request, login)
    return f"{login}{_BESIDE}{mark}" if mark else login


def wait_of(request: HttpRequest | None) -> timedelta:
    """Return for how long too many failures close sign-in to this browser."""
    return KNOWN_WAIT if devices.known_as(request, login_of(request)) else UNKNOWN_WAIT


def no_address(request: HttpRequest) -> str:
    """Return the address that stands for none (RFC 4291, 2.5.2): the lock-out is given no other.

    Not None: to the database no NULL equals another, and failures at one instant would make a row each.
    """
    return "::"


@contextmanager
def being_looked_at(request: HttpRequest, credentials: dict[str, object]) -> Iterator[None]:
    """Count a password while it is compared: until then nobody knows whether it is a failure."""
    places = _places(request, credentials)
    taken = next((p for p in places if cache.add(p, 1, _LONGEST_LOOK.total_seconds())), None)
    request.__dict__["fanal_password_counted"] = taken is not None
    try:
        yield
    finally:
        if taken is not None:
            cache.delete(taken)


def _places(request: HttpRequest, credentials: dict[str, object] | None) -> list[str]:
    name = operations.login_digest(counted_as(request, credentials))
    return [f"fanal.password.{number}.{name}" for number in range(_MOST_FAILURES)]


def locked_out(
    request: HttpRequest, credentials: dict[str, object] | None = None, *args: object
) -> HttpResponse:
    """Return the page that says to wait, in plain words."""
    minutes = int(wait_of(request).total_seconds() // 60)
    return render(request, "account_pages/locked.html", {"minutes": minutes}, status=_LOCKED)


def _is_noted(request: HttpRequest | None, credentials: dict[str, object]) -> bool:
    """Return whether a refusal is written to the ledger: of an account that waits, one a minute.

    Those are refused without a look at the password: they cost nothing, and an entry stays for ever.
    """
    if request is None or not getattr(request, "axes_locked_out", False):
        return True
    name = operations.login_digest(counted_as(request, credentials))
    return bool(cache.add(f"fanal.refused.{name}", 1, _NOTED_EVERY))


class FailureCounter(AxesDatabaseHandler):  # type: ignore[misc] # axes carries no types
    """Counts failures in the database and keeps nothing of the browser."""

    def user_login_failed(
        self,
        sender: object,
        credentials: dict[str, object],
        request: HttpRequest | None = None,
        **kwargs: object,
    ) -> None:
        """Count a failure without what the request says of the browser or carries."""
        if _is_noted(request, credentials):
            operations.record_refusal(
                login=login_of(request, credentials), step="PASSWORD", now=clock.now()
            )
        if request is not None:
            request.__dict__.update(axes_user_agent="", axes_http_accept="", axes_path_info="")
        super().user_login_failed(sender, credentials, request, **kwargs)
        AccessAttempt.objects.filter(username=counted_as(request, credentials)).update(
            get_data="", post_data=""
        )

    def is_locked(self, request: HttpRequest, credentials: dict[str, object] | None = None) -> bool:
        """Return whether this password is one too many, those that are just being looked at included.

        They are read before the failures: one that is done in between is in both numbers, never in none.
        """
        if not request.__dict__.get("fanal_password_counted", True):
            return True
        looked_at = sum(cache.get(place) is not None for place in _places(request, credentials))
        failures = int(self.get_failures(request, credentials))
        return failures + max(looked_at, 1) > _MOST_FAILURES

    def clean_expired_user_attempts(
        self,
        request: HttpRequest | None = None,  # noqa: ARG002 - the library's signature
        credentials: dict[str, object] | None = None,  # noqa: ARG002
    ) -> int:
        """Forget failures that count for nobody any more, whoever is signing in now."""
        old = AccessAttempt.objects.filter(attempt_time__lte=clock.now() - UNKNOWN_WAIT)
        return int(old.delete()[0])


@receiver(authentication_failed)
def note_wrong_code(user: AbstractBaseUser, **_more: object) -> None:
    """Write a wrong one-time or recovery code to the ledger."""
    operations.record_refusal(login=user.get_username(), step="CODE", now=clock.now())
