"""Forms of the second factor: one-time codes with an own rate limit, security keys with stricter checks."""

import json
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from allauth.account.adapter import get_adapter as get_account_adapter
from allauth.core import context, ratelimit
from allauth.core.ratelimit import consume
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.internal.auth import TOTP
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from allauth.mfa.webauthn.internal import auth
from cryptography.exceptions import UnsupportedAlgorithm
from django import forms
from django.db import transaction
from fido2.webauthn import CollectedClientData

from fanal.accounts.operations.people import record_refusal
from fanal.kernel import clock
from fanal.web.account import devices

# One-time codes at sign-in, with a separate rate limit for each browser known to the account.

_ACTION = "login_failed"


class SignInWithCode(AuthenticateForm):  # type: ignore[misc] # allauth carries no types
    """Form for a one-time code as the second factor of a sign-in.

    The library limits wrong codes by account: a stranger with the password could lock the person out.
    Attempts of a known browser have their own limit, which other attempts do not consume. Conversely its
    attempts and its right code do not reset the limit of others, because its device mark (the random id in
    the browser's cookie) may be stolen.
    """

    def clean_code(self) -> str:
        """Return the code if it is valid.

        Raises:
            ValidationError: wrong code, or too many attempts.
        """
        mark = devices.known_as(context.request, self.user.get_username())
        if not mark:
            return str(super().clean_code())
        own = f"mfa-device-{mark}"
        if not ratelimit.consume(context.request, action=_ACTION, key=own):
            raise get_account_adapter().validation_error("too_many_login_attempts")
        code = str(self.cleaned_data["code"])
        factors = self._factors()
        for factor in factors:
            if factor.wrap().validate_code(code):
                self.authenticator = factor
                ratelimit.clear(context.request, action=_ACTION, key=own)
                return code
        if factors:
            self._emit_authentication_failed(factors[0])
        raise get_adapter().validation_error("incorrect_code")

    def _factors(self) -> list[Authenticator]:
        """Return the person's authenticators that verify codes: one-time codes first, then recovery codes."""
        kinds = [Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES]
        found = Authenticator.objects.filter(user=self.user, type__in=kinds)
        return sorted(found, key=lambda factor: kinds.index(factor.type))


class EnrolWithCode(ActivateTOTPForm):  # type: ignore[misc]
    """Form that sets up one-time codes by a first code, which cannot also be used to sign in (RFC 6238).

    See section 5.2 there: a code is accepted once.
    """

    def clean_code(self) -> str:
        """Return the code if it is valid, stored as used.

        Raises:
            ValidationError: wrong code, or too many attempts.
        """
        code = str(super().clean_code())
        TOTP(Authenticator(user=self.user))._mark_code_used(code)  # noqa: SLF001 - as `validate_code` does
        return code


class ProveAgainWithCode(SignInWithCode, ReauthenticateForm):  # type: ignore[misc]
    """Form for a one-time code as the fresh second factor that a sensitive act requires."""


# Security keys (WebAuthn): stricter checks of their responses, and ledger entries for refused ones.
#
# Beyond the libraries (Web Authentication, 7.1 and 7.2): malformed responses are refused, the response must
# come from this very page and from no frame, and the signature counter must increase.

_LONGEST: Final = 1 << 16
_PARTS: Final = (
    "clientDataJSON",
    "attestationObject",
    "authenticatorData",
    "signature",
    "userHandle",
)
_COUNT: Final = "count"
_UNREADABLE: Final = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError),
    *(TypeError, ValueError, UnsupportedAlgorithm, struct.error),
)
"""Exceptions that the libraries raise on malformed responses."""


class KeyAnswer(forms.Field):
    """Form field with the JSON response of a security key, reduced to the JSON keys that the server uses."""

    widget = forms.HiddenInput

    def to_python(self, value: object) -> Mapping[str, object] | None:
        """Return the security key's response, read from the posted JSON text; None when nothing was posted.

        Raises:
            ValidationError: it is malformed or too long.
        """
        if value in self.empty_values:
            return None
        with _refusing():
            if not isinstance(value, str) or len(value) > _LONGEST:
                raise ValueError("no answer of a key is so long")
            return _plain(json.loads(value))

    def prepare_value(self, value: object) -> str:  # noqa: ARG002 - the library's signature
        """Return an empty value: each page needs a new response of the security key."""
        return ""


class AddKey(AddWebAuthnForm):  # type: ignore[misc] # allauth carries no types
    """Form that registers a security key; unlike the library's, it refuses an answer made for another page.

    Refused are another host, and a page inside a frame of another site. `credential` is the key's response as
    JSON.
    """

    credential = KeyAnswer()

    def clean(self) -> dict[str, object]:
        """Return the form's cleaned data, with the verified response of the security key.

        Raises:
            ValidationError: the response is malformed, or was made for another page.
        """
        with _refusing():
            if answer := self.cleaned_data.get("credential"):
                _require_own_page(auth.parse_registration_response(answer).response.client_data)
            found: dict[str, object] = super().clean()
        return found


class _NotesRefusals(AuthenticateWebAuthnForm):  # type: ignore[misc]
    """Base of forms for a security key: refused responses are recorded in the ledger, within a rate limit.

    Keys cannot be guessed: refused ones lock nothing, and wrong codes do not lock keys.
    """

    credential = KeyAnswer()

    def clean_credential(self) -> Authenticator:
        """Return the person's security key that made the verified response.

        Raises:
            ValidationError: the response is invalid, or its counter has not increased.
        """
        answer = self.cleaned_data["credential"]
        with _refusing():
            read = auth.parse_authentication_response(answer).response
            _require_own_page(read.client_data)
            key = auth.complete_authentication(self.user, answer)
            return _counted(key, read.authenticator_data.counter)

    def clean(self) -> dict[str, object]:
        """Return the form's cleaned data; record a refused response in the ledger, within a rate limit.

        Refused is a response that is malformed, of a key that is not the person's own, or with a counter that
        has not increased.
        """
        found: dict[str, object] = super().clean() or {}
        if self.has_error("credential") and consume(
            context.request, action="login_failed", key=f"key-refused-{self.user.pk}"
        ):
            login = self.user.get_username()
            record_refusal(login=login, step="KEY", now=clock.now())
        return found


class SignInWithKey(_NotesRefusals):
    """Form for a security key (WebAuthn) as the second factor of a sign-in."""


class ProveAgainWithKey(_NotesRefusals, ReauthenticateWebAuthnForm):  # type: ignore[misc]
    """Form for a security key (WebAuthn) as the fresh second factor that a sensitive act requires."""


@contextmanager
def _refusing() -> Iterator[None]:
    """Turn parse errors of the libraries in this context into the validation error of a wrong code."""
    try:
        yield
    except _UNREADABLE:
        raise get_adapter().validation_error("incorrect_code") from None


def _plain(found: object) -> dict[str, object]:
    if not isinstance(found, dict) or not isinstance(found["response"], dict):
        raise TypeError("no answer of a key")
    response, results = found["response"], found.get("clientExtensionResults")
    kept = results.get("credProps") if isinstance(results, dict) else None
    resident = kept.get("rk") if isinstance(kept, dict) else None
    return {
        **{name: str(found[name]) for name in ("id", "rawId", "type")},
        "response": {n: response[n] for n in _PARTS if isinstance(response.get(n), str)},
        "clientExtensionResults": {"credProps": {"rk": resident}}
        if resident in (True, False)
        else {},
    }


def _require_own_page(said: CollectedClientData) -> None:
    """Require that the browser signed for this request's host, and in no frame.

    `said` is the client data that the security key signed (WebAuthn). The library has checked https and the
    host, but admits its subdomains.

    Raises:
        ValueError: another origin, or a frame.
    """
    host = said.origin.partition("://")[2]
    framed = said.cross_origin or "topOrigin" in json.loads(said)
    if framed or host != context.request.get_host().lower():
        raise ValueError("the key was asked by another page")


def _counted(key: Authenticator, count: int) -> Authenticator:
    """Return the key after storing `count`, the signature counter of its response.

    A counter that stays or decreases reveals a cloned key. Keys without counter always send 0, which is
    accepted.

    Raises:
        ValueError: the counter has not increased, or the key was removed meanwhile.
    """
    with transaction.atomic():
        kept = Authenticator.objects.select_for_update().filter(pk=key.pk).first()
        if kept is None:
            raise ValueError("the key is gone")
        before = kept.data.get(_COUNT, kept.wrap().authenticator_data.counter)
        if count <= before and (count or before):
            raise ValueError("the count has not gone up")
        kept.data[_COUNT] = count
        kept.save(update_fields=["data"])
    return kept
