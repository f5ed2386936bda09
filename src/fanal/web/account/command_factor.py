"""Second factors on the command line: verification of one-time codes, removal of factors."""

from datetime import timedelta

from allauth.mfa.models import Authenticator
from cryptography.exceptions import InvalidTag
from django.contrib.auth.models import AbstractBaseUser
from django.core.cache import cache

from fanal.accounts import operations
from fanal.kernel import clock

_TRIES = 6
_WITHIN = timedelta(minutes=5)


def has_codes(*, user: AbstractBaseUser) -> bool:
    """Return whether the person has set up one-time codes (security keys work in a browser only)."""
    return bool(Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists())


def passes(*, user: AbstractBaseUser, code: str) -> bool:
    """Return whether `code` is the person's current one-time code, which can be used once.

    At most six attempts in five minutes are verified; failed ones are recorded in the ledger, as at sign-in.
    """
    tries = [f"fanal.command-code.{user.pk}.{number}" for number in range(_TRIES)]
    seconds = _WITHIN.total_seconds()
    looked_at = any(cache.add(key, 1, seconds) for key in tries)
    found = Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).first()
    try:
        passed = looked_at and found is not None and found.wrap().validate_code(code.strip())
    except InvalidTag:  # encrypted with another secret: no code is valid
        passed = False
    if passed:
        for key in tries:
            cache.delete(key)
    elif looked_at:
        operations.record_refusal(login=user.get_username(), step="CODE", now=clock.now())
    return bool(passed)


def remove_factors(*, user: AbstractBaseUser) -> list[str]:
    """Delete every second factor and recovery code of an account; return their kinds (`totp`, …)."""
    rows = Authenticator.objects.filter(user=user).order_by("id")
    kinds = [str(kind) for kind in rows.values_list("type", flat=True)]
    rows.delete()
    return kinds
