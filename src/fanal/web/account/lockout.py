"""Limits of guessing: five wrong passwords close an account's sign-in to browsers it does not know.

They do so for a quarter of an hour, whatever address they come from. A browser that has signed in to the
account before is counted apart, and waits a minute: no stranger shuts the person out (`web.account.devices`).
Security keys and single sign-on are not counted: nobody guesses them. The library stores what these functions
give it: a login, with the browser's mark where it is known, and neither address nor user agent.
"""

from datetime import timedelta

from allauth.mfa.signals import authentication_failed
from axes.handlers.database import AxesDatabaseHandler
from axes.models import AccessAttempt
from django.contrib.auth.models import AbstractBaseUser
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from fanal.accounts import operations
from fanal.accounts.domain.names import MAXIMUM_LOGIN, canonical_login
from fanal.kernel import clock
from fanal.web.account import devices

_LOCKED = 429
UNKNOWN_WAIT, KNOWN_WAIT = timedelta(minutes=15), timedelta(minutes=1)
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


def no_address(request: HttpRequest) -> str | None:
    """Return None: no address is given to the lock-out."""
    return None


def locked_out(
    request: HttpRequest, credentials: dict[str, object] | None = None, *args: object
) -> HttpResponse:
    """Return the page that says to wait, in plain words."""
    minutes = int(wait_of(request).total_seconds() // 60)
    return render(request, "account_pages/locked.html", {"minutes": minutes}, status=_LOCKED)


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
        if request is not None:
            request.__dict__.update(axes_user_agent="", axes_http_accept="", axes_path_info="")
        super().user_login_failed(sender, credentials, request, **kwargs)
        AccessAttempt.objects.filter(username=counted_as(request, credentials)).update(
            get_data="", post_data=""
        )
        operations.record_refusal(
            login=login_of(request, credentials), step="PASSWORD", now=clock.now()
        )

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
