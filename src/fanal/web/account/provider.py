"""OpenID Connect sign-in by django-allauth, with stricter checks of addresses, signature and nonce.

The library does not verify an ID token received directly from the provider, and asks for user information
when there is none. Here the ID token is required and always verified (`identity_tokens`).
"""

import base64
import hashlib
import logging

from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.models import SocialApp, SocialLogin, SocialToken
from allauth.socialaccount.providers.oauth2.client import OAuth2Client, OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from fanal.connectors import openid
from fanal.web.account import identity_tokens

log = logging.getLogger("fanal.web")
_REFUSALS = (openid.ProviderUnsound, identity_tokens.TokenRefused, OAuth2Error, RecursionError)
"""Errors in a provider's answers; RecursionError comes from deeply nested JSON."""


class Exchange(OpenIDConnectOAuth2Adapter):  # type: ignore[misc] # allauth carries no types
    """The exchange with the provider in one sign-in (OAuth 2 adapter of django-allauth)."""

    def get_provider(self) -> "SingleSignOnProvider":
        """Return the provider configured in the settings.

        Raises:
            SocialApp.DoesNotExist: none is configured, or another.
        """
        app = get_adapter().get_app(self.request, provider=self.provider_id)
        return SingleSignOnProvider(self.request, app=app)

    @property
    def openid_config(self) -> dict[str, object]:
        """Discovery document of the provider, fetched once for this exchange."""
        known = self.__dict__.get("_said")
        if isinstance(known, dict):
            return known
        said = openid.discover(self.get_provider().server_url)
        self.__dict__["_said"] = said
        return said

    def get_access_token_data(
        self, request: HttpRequest, app: SocialApp, client: OAuth2Client, pkce_code_verifier: str
    ) -> dict[str, object]:
        """Return the provider's token response to the authorization code in the request.

        The nonce of the sign-in is derived here, for the check of the ID token.
        """
        self._nonce = nonce_of(pkce_code_verifier)
        answer: dict[str, object] = super().get_access_token_data(
            request, app, client, pkce_code_verifier=pkce_code_verifier
        )
        return answer

    def parse_token(self, data: dict[str, object]) -> SocialToken:
        """Return the access token, which is neither used nor stored."""
        return SocialToken(token=str(data["access_token"]))

    def complete_login(
        self,
        request: HttpRequest,
        app: SocialApp,
        token: SocialToken,  # noqa: ARG002 - the library's signature
        *,
        response: dict[str, object],
    ) -> SocialLogin:
        """Return the sign-in of the person whom the verified ID token names.

        Raises:
            TokenRefused: the ID token is missing or invalid.
        """
        claims = identity_tokens.claims_of(
            response.get("id_token"),
            keys=openid.signing_keys(self.openid_config),
            issuer=str(self.openid_config["issuer"]),
            client=app.client_id,
            nonce=self._nonce,
        )
        return self.get_provider().sociallogin_from_response(request, {"id_token": claims})


class SingleSignOnProvider(OpenIDConnectProvider):  # type: ignore[misc]
    """The configured provider; parameters that a browser adds to the sign-in URL are not passed on."""

    oauth2_adapter_class = Exchange

    def get_pkce_params(self) -> dict[str, object]:
        """Return the PKCE parameters (RFC 7636), and the nonce expected in the ID token."""
        params: dict[str, object] = super().get_pkce_params()
        return {**params, "nonce": nonce_of(str(params["code_verifier"]))}

    def get_auth_params_from_request(
        self,
        request: HttpRequest,  # noqa: ARG002 - the library's signature
        action: str,  # noqa: ARG002
    ) -> dict[str, str]:
        """Return no parameters: those of the request are ignored."""
        return {}

    def get_scope_from_request(self, request: HttpRequest) -> list[str]:  # noqa: ARG002
        """Return the configured scope, whatever the request says."""
        return list(self.get_scope())


def nonce_of(code_verifier: str) -> str:
    """Return the nonce derived from the PKCE code verifier of a sign-in, so that it need not be stored."""
    digest = hashlib.sha256(b"fanal.nonce." + code_verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


@never_cache
def begin(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Show a page with a link to the provider's sign-in.

    A redirect would fail: with `form-action`, Chromium and Safari follow a form to no other host, not even
    through redirects, and the provider may redirect to hosts unknown here.

    Raises:
        Http404: no such provider is configured.
    """
    answer = _answer(OAuth2LoginView, request, provider_id)
    if not isinstance(answer, HttpResponseRedirect):
        return answer
    context = {"target": answer.url, "name": Exchange(request, provider_id).get_provider().name}
    return render(request, "account_pages/to_provider.html", context)


def come_back(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Sign in the person whom the provider names, or show an error page.

    Raises:
        Http404: no such provider is configured.
    """
    return _answer(OAuth2CallbackView, request, provider_id)


def _answer(view: type[OAuth2LoginView], request: HttpRequest, provider_id: str) -> HttpResponse:
    if not provider_id.isprintable():
        raise Http404
    exchange = Exchange(request, provider_id)
    try:
        answer: HttpResponse = view.adapter_view(exchange)(request)
    except SocialApp.DoesNotExist:
        raise Http404 from None
    except _REFUSALS as refused:
        log.error("single sign-on refused: %s", refused)
        answer = render_authentication_error(request, exchange.get_provider(), exception=refused)
    return answer
