"""Security keys: their answers are read with care, and a refused one at sign-in is in the ledger.

The libraries leave open what is asked here too (Web Authentication, 7.1 and 7.2): an answer that is none is
refused, whatever it is; it comes from this very page, in no frame; and the key's count goes up.
"""

import json
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from allauth.core import context
from allauth.core.ratelimit import consume
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
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

from fanal.accounts import operations
from fanal.kernel import clock

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
"""What the libraries raise over bytes that are no answer of a key."""


class KeyAnswer(forms.Field):
    """What a browser posts of a key: the members that are looked at, flat; never shown again."""

    widget = forms.HiddenInput

    def to_python(self, value: object) -> Mapping[str, object] | None:
        """Return the answer; None where nothing was posted.

        Raises:
            ValidationError: it is no answer, or far longer than one.
        """
        if value in self.empty_values:
            return None
        with _refusing():
            if not isinstance(value, str) or len(value) > _LONGEST:
                raise ValueError("no answer of a key is so long")
            return _plain(json.loads(value))

    def prepare_value(self, value: object) -> str:  # noqa: ARG002 - the library's signature
        """Return nothing: each page asks the key anew."""
        return ""


class AddKey(AddWebAuthnForm):  # type: ignore[misc] # allauth carries no types
    """The registration of a key."""

    credential = KeyAnswer()

    def clean(self) -> dict[str, object]:
        """Return what was given, the key's answer verified."""
        with _refusing():
            if answer := self.cleaned_data.get("credential"):
                _require_own_page(auth.parse_registration_response(answer).response.client_data)
            found: dict[str, object] = super().clean()
        return found


class _NotesRefusals(AuthenticateWebAuthnForm):  # type: ignore[misc]
    """Writes what did not pass, as often as the limit of wrong codes allows: the ledger is not flooded.

    Nobody guesses a key: refused ones close nothing, and wrong codes of others do not close keys.
    """

    credential = KeyAnswer()

    def clean_credential(self) -> Authenticator:
        """Return the key whose answer this is."""
        answer = self.cleaned_data["credential"]
        with _refusing():
            read = auth.parse_authentication_response(answer).response
            _require_own_page(read.client_data)
            key = auth.complete_authentication(self.user, answer)
            return _counted(key, read.authenticator_data.counter)

    def clean(self) -> dict[str, object]:
        """Note an answer that is no key of the person's, or unreadable."""
        found: dict[str, object] = super().clean() or {}
        if self.has_error("credential") and consume(
            context.request, action="login_failed", key=f"key-refused-{self.user.pk}"
        ):
            login = self.user.get_username()
            operations.record_refusal(login=login, step="KEY", now=clock.now())
        return found


class SignInWithKey(_NotesRefusals):
    """The second factor of a sign-in."""


class ProveAgainWithKey(_NotesRefusals, ReauthenticateWebAuthnForm):  # type: ignore[misc]
    """The fresh second factor of a sensitive act."""


@contextmanager
def _refusing() -> Iterator[None]:
    """Refuse, as a wrong code is, whatever the libraries cannot read."""
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
    """Require that the browser asked the key for the page of this request: no name beside it, no frame.

    The library has asked for https, and for this host or one below it.

    Raises:
        ValueError: it asked for another.
    """
    host = said.origin.partition("://")[2]
    framed = said.cross_origin or "topOrigin" in json.loads(said)
    if framed or host != context.request.get_host().lower():
        raise ValueError("the key was asked by another page")


def _counted(key: Authenticator, count: int) -> Authenticator:
    """Return the key with the count of its signatures kept, where it has gone up.

    A count that stands or goes back is a copy's, or that of the original after a copy. Keys that never
    count say 0 each time.

    Raises:
        ValueError: it has not gone up, or the key was taken away meanwhile.
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
