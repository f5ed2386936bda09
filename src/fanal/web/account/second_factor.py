"""The second factor: required of every person outside a demo (TOTP or WebAuthn, by allauth).

Acts that the policy lists under `step_up` ask for a fresh one: the last code or key of the session must
not be older than the installation allows.
"""

from datetime import datetime, timedelta

from allauth.account.authentication import get_authentication_records
from allauth.mfa.utils import is_mfa_enabled
from django.http import HttpRequest
from django.urls import reverse

DEFAULT_FRESH = timedelta(minutes=10)

_required = True
_fresh = DEFAULT_FRESH


def install(*, required: bool, fresh: timedelta = DEFAULT_FRESH) -> None:
    """Say whether this installation asks for a second factor, and for how long one is fresh.

    `config.wiring` calls it once.
    """
    global _required, _fresh
    _required, _fresh = required, fresh


def is_satisfied(request: HttpRequest) -> bool:
    """Return whether this very session has passed a second factor, or none is asked for."""
    if not _required:
        return True
    records = get_authentication_records(request, request.user)
    return any(record.get("method") == "mfa" for record in records)


def is_fresh(request: HttpRequest, *, now: datetime) -> bool:
    """Return whether this session passed a second factor recently enough for a sensitive act.

    A demo asks for none, and so for no fresh one.
    """
    if not _required:
        return True
    oldest = (now - _fresh).timestamp()
    records = get_authentication_records(request, request.user)
    return any(r.get("method") == "mfa" and float(r.get("at", 0)) >= oldest for r in records)


def is_enrolled(request: HttpRequest) -> bool:
    """Return whether the person of this session has set up a second factor."""
    return bool(is_mfa_enabled(request.user))


def fresh_minutes() -> int:
    """Return for how many minutes a second factor is fresh: what pages tell people."""
    return int(_fresh.total_seconds() // 60)


def next_step(request: HttpRequest) -> str:
    """Return the page where the person passes, or first sets up, their second factor."""
    return reverse("mfa_reauthenticate" if is_enrolled(request) else "mfa_index")
