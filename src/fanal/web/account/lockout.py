"""Lock-out by canonical login: five wrong passwords close an account's sign-in for a quarter hour.

The library stores what these functions give it: a login, and neither address nor user agent. Counting
by login alone stops guessing from many addresses; the desk's node is not on the open internet, so
locking out others is no attack of strangers (a public node serves no sign-in at all).
"""

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

_LOCKED = 429


def login_of(request: HttpRequest | None, credentials: dict[str, object] | None = None) -> str:
    """Return the canonical login that is being tried."""
    given = (credentials or {}).get("username")
    if given is None and request is not None:
        given = request.POST.get("login", "")
    return canonical_login(str(given or ""))[:MAXIMUM_LOGIN]


def no_address(request: HttpRequest) -> str | None:
    """Return None: no address is given to the lock-out."""
    return None


def locked_out(
    request: HttpRequest, credentials: dict[str, object] | None = None, *args: object
) -> HttpResponse:
    """Return the page that says to wait, in plain words."""
    return render(request, "account_pages/locked.html", status=_LOCKED)


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
        AccessAttempt.objects.filter(username=login_of(request, credentials)).update(
            get_data="", post_data=""
        )
        operations.record_refusal(
            login=login_of(request, credentials), step="PASSWORD", now=clock.now()
        )


@receiver(authentication_failed)
def note_wrong_code(user: AbstractBaseUser, **_more: object) -> None:
    """Write a wrong one-time or recovery code to the ledger."""
    operations.record_refusal(login=user.get_username(), step="CODE", now=clock.now())
