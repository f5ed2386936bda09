"""The second factor (TOTP or WebAuthn, by allauth), required of every person outside a demo.

Actions that the policy lists under `step_up` require a fresh one: the last verification in the session must
not be older than the installation allows. Its secrets are encrypted in the database: a database dump alone
does not allow sign-in.
"""

import base64
import logging
import os
from datetime import datetime, timedelta

from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.login import record_authentication
from allauth.account.signals import password_changed
from allauth.core import context
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.models import AbstractBaseUser
from django.core.cache import cache
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from django.http import HttpRequest
from django.urls import reverse

from fanal.accounts.operations import people as operations
from fanal.kernel import clock
from fanal.web.account.actors import actor_of, now_of

DEFAULT_FRESH = timedelta(minutes=10)

_required = True
_fresh = DEFAULT_FRESH


def install(*, required: bool, fresh: timedelta = DEFAULT_FRESH) -> None:
    """Set whether this installation requires a second factor, and how long a verification stays `fresh`.

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

    Always true in a demo, which requires no second factor.
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


# Consequences of a changed second factor or password: other sessions end, ledger entry, notification.


@receiver(post_save, sender=Authenticator)
def note_added(instance: Authenticator, *, created: bool, **_more: object) -> None:
    """Record in the ledger a factor that a person added on a page, and mark the session as verified by it.

    Recovery codes do not verify a session. Receiver of the save signal of an authenticator (`instance`):
    later saves (`created` false) are ignored. Enrolment has proved the factor.

    Raises:
        SignInOver: the account was closed, or its password or sessions were changed, since the request loaded
            it.
    """
    if not created:
        return
    codes = instance.type == Authenticator.Type.RECOVERY_CODES
    _note(instance, added=True, notice=not codes)
    request = context.request
    if request is not None and not codes and request.user.pk == instance.user_id:
        record_authentication(
            request, request.user, "mfa", id=instance.pk, type=instance.type, reauthenticated=True
        )


@receiver(post_delete, sender=Authenticator)
def note_removed(instance: Authenticator, **_more: object) -> None:
    """Record in the ledger a factor (`instance`) that a person removed on a page, with a notice by e-mail.

    The notice goes to the person and their supervisors. Receiver of the delete signal of an authenticator.

    Raises:
        SignInOver: the account was closed, or its password or sessions were changed, since the request loaded
            it.
    """
    _note(instance, added=False, notice=True)


@receiver(password_changed)
def note_password(request: HttpRequest, **_more: object) -> None:
    """Record in the ledger the change of password by the person of the request; receiver of allauth's signal.

    Django ends the person's other sessions.
    """
    operations.record_password_change(actor=actor_of(request), now=now_of(request))


def _note(instance: Authenticator, *, added: bool, notice: bool) -> None:
    """Record in the ledger a person's own change of a factor (`instance`) made through the pages.

    `added`: the factor was added, else removed; `notice`: also notify the person and their supervisors by
    e-mail. The person's other sessions end. Other changes are ignored: commands record their own.
    """
    request = context.request
    if request is None or request.user.pk != instance.user_id:
        return
    request.user.session_epoch = operations.record_factor_change(
        actor=actor_of(request),
        user=request.user,
        factor=instance.type,
        added=added,
        now=now_of(request),
        notice=notice,
    )
    update_session_auth_hash(request, request.user)


# Second factors on the command line: verification of one-time codes, removal of factors.

_TRIES = 6
_WITHIN = timedelta(minutes=5)


def has_codes(*, user: AbstractBaseUser) -> bool:
    """Return whether the person has set up one-time codes (security keys work in a browser only)."""
    return bool(Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists())


def passes(*, user: AbstractBaseUser, code: str) -> bool:
    """Return whether `code` is the person's current one-time code, which can be used once.

    At most six attempts in five minutes are verified, further ones give False; failed ones are recorded in
    the ledger, as at sign-in.
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


_NONCE = 12
_PURPOSE = b"fanal.web.account.second-factor"
_key: bytes | None = None
log = logging.getLogger("fanal.web")


class SecretUnopenable(OSError):
    """Error: a secret was altered, or this machine lacks the key with which its database encrypted it."""


def install_key(*, secret: str) -> None:
    """Derive the encryption key from the installation's secret (HKDF); called once by `config.wiring`."""
    global _key  # noqa: PLW0603 - the one registry of this module
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE)
    _key = hkdf.derive(secret.encode())


def seal(text: str) -> str:
    """Return `text` encrypted with AES-256-GCM, in base64.

    Raises:
        RuntimeError: no key is installed.
    """
    nonce = os.urandom(_NONCE)
    sealed = AESGCM(_installed()).encrypt(nonce, text.encode(), _PURPOSE)
    return base64.urlsafe_b64encode(nonce + sealed).decode()


def unseal(text: str) -> str:
    """Return the text that `seal` encrypted.

    Raises:
        SecretUnopenable: it was changed, or encrypted with another secret.
        RuntimeError: no key is installed.
    """
    key = _installed()
    try:
        raw = base64.urlsafe_b64decode(text)
        return AESGCM(key).decrypt(raw[:_NONCE], raw[_NONCE:], _PURPOSE).decode()
    except (InvalidTag, ValueError):  # of base64 too, and of a nonce that is cut
        log.error("a second factor does not open: keys/secret_key is not that of this database")
        raise SecretUnopenable("a second factor does not open") from None


def _installed() -> bytes:
    if _key is None:
        raise RuntimeError("no key: config.wiring installs it at start")
    return _key
