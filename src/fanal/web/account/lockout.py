"""Lock-out after wrong passwords (django-axes): five failures lock an account for unknown browsers.

The lock lasts a quarter of an hour, whatever the IP address. A browser that has signed in to the account
before is counted apart and waits one minute, so that strangers cannot lock the person out
(`web.account.devices`). Passwords under verification count as failures: parallel attempts give no more
guesses than sequential ones. Security keys and single sign-on are not counted, since they cannot be guessed.
Stored are the login and, for a known browser, its device mark; neither IP address nor user agent.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from allauth.mfa.signals import authentication_failed
from axes.conf import settings
from axes.handlers.database import AxesDatabaseHandler
from axes.models import AccessAttempt
from django.contrib.auth.models import AbstractBaseUser
from django.core.cache import cache
from django.db.models import Q
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from fanal.accounts.domain.records import MAXIMUM_LOGIN, canonical_login
from fanal.accounts.operations.people import login_digest, record_refusal
from fanal.kernel import clock
from fanal.web.account import devices

_LOCKED = 429
UNKNOWN_WAIT, KNOWN_WAIT = timedelta(minutes=15), timedelta(minutes=1)
_MOST_FAILURES: Final = int(settings.AXES_FAILURE_LIMIT)
_NOTED_EVERY = 60
"""Minimum seconds between two ledger entries on a locked account."""
_LONGEST_LOOK: Final = timedelta(minutes=1)
_BESIDE = "\x1f"


def login_of(request: HttpRequest | None, credentials: dict[str, object] | None = None) -> str:
    """Return the normalised login of an attempt, from `credentials` or else from the posted form."""
    given = (credentials or {}).get("username")
    if given is None and request is not None:
        given = request.POST.get("login", "")
    return canonical_login(str(given or ""))[:MAXIMUM_LOGIN]


def counted_as(request: HttpRequest | None, credentials: dict[str, object] | None = None) -> str:
    """Return the key of the failure counter: the login, followed by the device mark if the browser is known.

    The device mark is the random id in a known browser's signed cookie (`web.account.devices`).
    """
    login = login_of(request, credentials)
    mark = devices.known_as(request, login)
    return f"{login}{_BESIDE}{mark}" if mark else login


def wait_of(request: HttpRequest | None) -> timedelta:
    """Return how long a lock-out lasts for this browser: one minute if known to the account, else fifteen."""
    return KNOWN_WAIT if devices.known_as(request, login_of(request)) else UNKNOWN_WAIT


def no_address(request: HttpRequest) -> str:
    """Return the unspecified address `::` (RFC 4291, 2.5.2) in place of the client's, for django-axes.

    None would not do: NULLs are unequal in the database, so that simultaneous failures would make a row each.
    """
    return "::"


@contextmanager
def being_looked_at(request: HttpRequest, credentials: dict[str, object]) -> Iterator[None]:
    """Context manager: count a password attempt as a failure while its password is being verified.

    If too many others are being verified, the attempt is marked in the request as refused (`is_locked`).
    `credentials` hold the login and the password.
    """
    places = _places(request, credentials)
    taken = next((p for p in places if cache.add(p, 1, _LONGEST_LOOK.total_seconds())), None)
    request.__dict__["fanal_password_counted"] = taken is not None
    try:
        yield
    finally:
        if taken is not None:
            cache.delete(taken)


def _places(request: HttpRequest, credentials: dict[str, object] | None) -> list[str]:
    name = login_digest(counted_as(request, credentials))
    return [f"fanal.password.{number}.{name}" for number in range(_MOST_FAILURES)]


def locked_out(
    request: HttpRequest, credentials: dict[str, object] | None = None, *args: object
) -> HttpResponse:
    """Return the lock-out page with the waiting time; django-axes calls this for a locked attempt.

    `credentials` hold the login of the attempt.
    """
    minutes = int(wait_of(request).total_seconds() // 60)
    return render(request, "account_pages/locked.html", {"minutes": minutes}, status=_LOCKED)


def _is_noted(request: HttpRequest | None, credentials: dict[str, object]) -> bool:
    """Return whether a refused attempt is written to the ledger; on a locked account, at most one a minute.

    Those attempts are refused without checking the password: they cost nothing, and ledger entries are
    permanent. `credentials` hold the login of the attempt.
    """
    if request is None or not getattr(request, "axes_locked_out", False):
        return True
    name = login_digest(counted_as(request, credentials))
    return bool(cache.add(f"fanal.refused.{name}", 1, _NOTED_EVERY))


def locked_logins(*, now: datetime) -> dict[str, datetime]:
    """Return the logins that are locked for browsers which they do not know, with the end of the lock.

    Other logins have no key; a login that no account has may be locked too.
    """
    rows = AccessAttempt.objects.filter(
        failures_since_start__gte=_MOST_FAILURES, attempt_time__gt=now - UNKNOWN_WAIT
    ).exclude(username__contains=_BESIDE)
    return {name: at + UNKNOWN_WAIT for name, at in rows.values_list("username", "attempt_time")}


def unlock(login: str) -> None:
    """Delete the counters of wrong passwords of an account, for every browser."""
    for_all = Q(username=login) | Q(username__startswith=f"{login}{_BESIDE}")
    AccessAttempt.objects.filter(for_all).delete()


class FailureCounter(AxesDatabaseHandler):  # type: ignore[misc] # axes carries no types
    """The counter of failed sign-ins for django-axes, in the database; it stores nothing of the browser."""

    def user_login_failed(
        self,
        sender: object,
        credentials: dict[str, object],
        request: HttpRequest | None = None,
        **kwargs: object,
    ) -> None:
        """Count a failure, without user agent, headers, path or form data.

        Receiver of Django's signal of a failed sign-in; `credentials` hold the login.
        """
        if _is_noted(request, credentials):
            record_refusal(login=login_of(request, credentials), step="PASSWORD", now=clock.now())
        if request is not None:
            request.__dict__.update(axes_user_agent="", axes_http_accept="", axes_path_info="")
        super().user_login_failed(sender, credentials, request, **kwargs)
        AccessAttempt.objects.filter(username=counted_as(request, credentials)).update(
            get_data="", post_data=""
        )

    def is_locked(self, request: HttpRequest, credentials: dict[str, object] | None = None) -> bool:
        """Return whether the account in `credentials` is locked for this browser.

        Attempts under verification count as failures. They are read before the failures: an attempt that ends
        in between counts twice rather than not at all.
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
        """Delete every account's failure counters unchanged for a quarter of an hour; return their number.

        The arguments, which django-axes passes, are ignored.
        """
        old = AccessAttempt.objects.filter(attempt_time__lte=clock.now() - UNKNOWN_WAIT)
        return int(old.delete()[0])


@receiver(authentication_failed)
def note_wrong_code(user: AbstractBaseUser, **_more: object) -> None:
    """Record in the ledger a wrong one-time or recovery code of `user`; receiver of a signal."""
    record_refusal(login=user.get_username(), step="CODE", now=clock.now())
