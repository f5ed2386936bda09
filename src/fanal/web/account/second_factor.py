"""The second factor (TOTP or WebAuthn, by allauth), required of every person outside a demo.

Actions that the policy lists under `step_up` require a fresh one: the last verification in the session must
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
    """Set whether this installation requires a second factor, and how long a verification stays fresh.

    Called once by `config.wiring`.
    """
    global _required, _fresh
    _required, _fresh = required, fresh


def is_satisfied(request: HttpRequest) -> bool:
    """Return whether this session has passed the second factor, or none is required."""
    if not _required:
        return True
    records = get_authentication_records(request, request.user)
    return any(record.get("method") == "mfa" for record in records)


def is_fresh(request: HttpRequest, *, now: datetime) -> bool:
    """Return whether this session passed the second factor recently enough for a sensitive act.

    Always true in a demo, which requires none.
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
    """Return the minutes for which a verification stays fresh, for display."""
    return int(_fresh.total_seconds() // 60)


def next_step(request: HttpRequest) -> str:
    """Return the URL where the person verifies, or first sets up, the second factor."""
    return reverse("mfa_reauthenticate" if is_enrolled(request) else "mfa_index")
