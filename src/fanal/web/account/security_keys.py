"""Security keys at sign-in: a refused one is in the ledger, as a wrong password or code is."""

from allauth.core import context
from allauth.core.ratelimit import consume
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.forms import AuthenticateWebAuthnForm, ReauthenticateWebAuthnForm
from allauth.mfa.webauthn.internal import auth

from fanal.accounts import operations
from fanal.kernel import clock


class _NotesRefusals(AuthenticateWebAuthnForm):  # type: ignore[misc] # allauth carries no types
    """Writes what did not pass, as often as the limit of wrong codes allows: the ledger is not flooded.

    Nobody guesses a key: refused ones close nothing, and wrong codes of others do not close keys.
    """

    def clean_credential(self) -> Authenticator:
        """Return the key whose answer this is."""
        credential = self.cleaned_data["credential"]
        auth.parse_authentication_response(credential)
        return auth.complete_authentication(self.user, credential)

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
