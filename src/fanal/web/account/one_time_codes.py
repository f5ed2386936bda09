"""One-time codes at sign-in, with a separate rate limit for each browser known to the account."""

from allauth.account.adapter import get_adapter as get_account_adapter
from allauth.core import context, ratelimit
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator

from fanal.web.account import devices

_ACTION = "login_failed"


class SignInWithCode(AuthenticateForm):  # type: ignore[misc] # allauth carries no types
    """Code form for the second factor of a sign-in.

    The library limits wrong codes by account: a stranger with the password could lock the person out.
    Attempts of a known browser have their own limit, which other attempts do not consume. Conversely its
    attempts and its right code do not reset the limit of others, because its device mark may be stolen.
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


class ProveAgainWithCode(SignInWithCode, ReauthenticateForm):  # type: ignore[misc]
    """Code form for the fresh second factor that a sensitive act requires."""
