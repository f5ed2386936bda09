"""The second factor: required of every person outside a demo (TOTP or WebAuthn, by allauth)."""

from allauth.account.authentication import get_authentication_records
from allauth.mfa.utils import is_mfa_enabled
from django.http import HttpRequest
from django.urls import reverse

_required = True


def install(*, required: bool) -> None:
    """Say whether this installation asks for a second factor; `config.wiring` calls it once."""
    global _required  # noqa: PLW0603 - the one registry of this module
    _required = required


def is_satisfied(request: HttpRequest) -> bool:
    """Return whether this very session has passed a second factor, or none is asked for."""
    if not _required:
        return True
    records = get_authentication_records(request, request.user)
    return any(record.get("method") == "mfa" for record in records)


def next_step(request: HttpRequest) -> str:
    """Return the page where the person passes, or first sets up, their second factor."""
    known = is_mfa_enabled(request.user)
    return reverse("mfa_reauthenticate" if known else "mfa_index")
