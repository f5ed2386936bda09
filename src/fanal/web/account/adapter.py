"""Adapters for django-allauth: no public sign-up, landing page by role, sign-ins recorded in the ledger."""

import ipaddress

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.forms import LoginForm
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.providers.base.constants import AuthProcess
from django.contrib import messages
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import get_language, gettext as _

from fanal.accounts.domain.records import canonical_login
from fanal.accounts.operations.people import change_password, record_sign_in
from fanal.connectors import openid
from fanal.web.account import demo, devices, lockout, second_factor
from fanal.web.account.actors import actor_of, now_of
from fanal.web.account.landing import landing_path


class CanonicalLoginForm(LoginForm):  # type: ignore[misc] # allauth carries no types
    """Sign-in form with a normalised login, so that the lock-out counts all spellings together."""

    def clean_login(self) -> str:
        """Return the normalised login."""
        return canonical_login(str(self.cleaned_data["login"]))


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Settings of django-allauth's account pages: an administrator opens accounts, nobody signs up."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002 - the library's
        """Return False: there is no public sign-up."""
        return False

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Return the URL of the first page after sign-in, which depends on the person's roles."""
        return landing_path(actor_of(request).roles, language=get_language() or "fr")

    def get_logout_redirect_url(self, request: HttpRequest) -> str:  # noqa: ARG002
        """Return the URL of the sign-in page, to which a sign-out leads."""
        return reverse("account_login")

    def pre_login(
        self, request: HttpRequest, user: AbstractBaseUser, **kwargs: object
    ) -> HttpResponse | None:
        """Refuse demo accounts outside a demo on loopback; store the account's state for later steps.

        Return the redirect of a refusal, or None to let the sign-in continue. allauth calls this for `user`
        before the sign-in continues.
        """
        if getattr(user, "is_demo", True) and not (demo.is_on() and _from_loopback(request)):
            messages.error(request, _("Demo accounts open on this machine only, in a demo."))
            return redirect("account_login")
        refused: HttpResponse | None = super().pre_login(request, user, **kwargs)
        if refused is None:
            devices.begin(request, user)
        return refused

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        """Open the session of `user` after the last sign-in step, unless the account changed since the first.

        Raises:
            ImmediateHttpResponse: password, sessions or status of the account have changed meanwhile.
        """
        stands = devices.holds(request, user)
        devices.forget(request)
        if not stands:
            devices.tell_over(request)
            raise ImmediateHttpResponse(redirect("account_login"))
        super().login(request, user)

    def set_password(self, user: AbstractBaseUser, password: str) -> None:
        """Store a person's new password, and nothing else of the account.

        Raises:
            ImmediateHttpResponse: account, password or sessions were changed by others during the request.
        """
        if not change_password(user=user, password=password):
            raise ImmediateHttpResponse(devices.end_changed(context.request))

    def authenticate(self, request: HttpRequest, **credentials: object) -> AbstractBaseUser | None:
        """Return the account with these `credentials` (login, password), or None.

        While the password is being verified, the attempt counts as a failure for the lock-out.
        """
        with lockout.being_looked_at(request, credentials):
            found: AbstractBaseUser | None = super().authenticate(request, **credentials)
        return found

    def pre_authenticate(self, request: HttpRequest, **credentials: object) -> None:
        """Do nothing here: allauth would count failures by login alone, the lock-out also by browser."""

    def respond_user_inactive(
        self,
        request: HttpRequest,
        user: AbstractBaseUser,  # noqa: ARG002
    ) -> HttpResponse:
        """Redirect a closed account to the sign-in page, with a message."""
        messages.error(request, _("This account is closed. Ask the administrator."))
        return redirect("account_login")

    def post_login(
        self, request: HttpRequest, user: AbstractBaseUser, **kwargs: object
    ) -> HttpResponse:
        """Record the sign-in in the ledger (no IP address), make this browser known; return the redirect."""
        request.__dict__.pop("_fanal_actor", None)
        record_sign_in(actor=actor_of(request), action="account.sign_in", now=now_of(request))
        answer: HttpResponse = super().post_login(request, user, **kwargs)
        devices.remember(request, answer, user=user)
        return answer

    def logout(self, request: HttpRequest) -> None:
        """Record the sign-out in the ledger, then end the session."""
        if request.user.is_authenticated:
            record_sign_in(actor=actor_of(request), action="account.sign_out", now=now_of(request))
        request.__dict__.pop("_fanal_actor", None)
        super().logout(request)

    def is_safe_url(self, url: str | None) -> bool:
        """Return whether a redirect target is a path on this site, without a host."""
        return bool(url) and str(url).startswith("/") and super().is_safe_url(url)


class SocialAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """OIDC sign-in for subjects (user ids of a provider) that an administrator has linked to accounts.

    It neither opens nor links accounts.
    """

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Refuse a sign-in without an account here, and `process=connect`, by which a person would link one.

        `sociallogin`: the sign-in whose ID token has been verified.

        Raises:
            ImmediateHttpResponse: the redirect for such a request, with a message.
        """
        if sociallogin.state.get("process", AuthProcess.LOGIN) != AuthProcess.LOGIN:
            messages.error(request, _("Only an administrator links an account to single sign-on."))
            raise ImmediateHttpResponse(redirect("account_home"))
        if not sociallogin.is_existing:
            messages.error(
                request,
                _(
                    "No account here is linked to this sign-in. Ask the administrator to link yours."
                ),
            )
            raise ImmediateHttpResponse(redirect("account_login"))

    def get_requests_session(self) -> openid.ShelteredSession:
        """Return the HTTP session for requests to the single sign-on provider.

        It allows only https URLs (or this machine's), with a deadline for each call, without redirects.
        """
        return openid.ShelteredSession()

    def is_open_for_signup(
        self,
        request: HttpRequest,  # noqa: ARG002 - the library's signature
        sociallogin: object,  # noqa: ARG002
    ) -> bool:
        """Return False: a user of single sign-on (`sociallogin`) without an account cannot sign in."""
        return False


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Adapter that encrypts the secrets of authenticators (second factors) in the database."""

    def encrypt(self, text: str) -> str:
        """Return the encrypted `text` (a TOTP secret or a seed)."""
        return second_factor.seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Return the text that `encrypt` encrypted.

        Raises:
            SecretUnopenable: it was altered, or encrypted with another secret of the installation.
        """
        return second_factor.unseal(encrypted_text)


def _from_loopback(request: HttpRequest) -> bool:
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
