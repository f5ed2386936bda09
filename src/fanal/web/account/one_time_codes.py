"""One-time codes at sign-in: a browser that is known for the account has tries of its own."""

from allauth.core import context, ratelimit
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm

from fanal.web.account import devices

_ACTION = "login_failed"


class SignInWithCode(AuthenticateForm):  # type: ignore[misc] # allauth carries no types
    """The second factor of a sign-in.

    The library counts wrong codes by account: whoever knows the password could shut its person out. Tries
    of a known browser are counted by browser, and what others have used up does not touch them.
    """

    def clean_code(self) -> str:
        """Return the code where it is the present one."""
        mark = devices.known_as(context.request, self.user.get_username())
        if not mark:
            return str(super().clean_code())
        own = f"mfa-device-{mark}"
        if not ratelimit.consume(context.request, action=_ACTION, key=own):
            raise get_adapter().validation_error("too_many_login_attempts")
        shared = f"mfa-auth-user-{self.user.pk}"
        ratelimit.clear(context.request, action=_ACTION, key=shared)
        code = str(super().clean_code())
        ratelimit.clear(context.request, action=_ACTION, key=own)
        return code


class ProveAgainWithCode(SignInWithCode, ReauthenticateForm):  # type: ignore[misc]
    """The fresh second factor of a sensitive act."""
