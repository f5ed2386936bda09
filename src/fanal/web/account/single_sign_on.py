"""Single sign-on (OpenID Connect): verification of ID tokens, links of subjects to accounts, sign-in."""

import base64
import hashlib
import logging
from collections.abc import Iterable, Mapping
from typing import Final

import jwt
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialLogin, SocialToken
from allauth.socialaccount.providers.oauth2.client import OAuth2Client, OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.contrib.auth.models import AbstractBaseUser
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache

from fanal.connectors import openid

# Verification of the ID token of single sign-on (OpenID Connect Core 1.0, section 3.1.3.7).
#
# The signature is always verified, although the standard allows clients to skip that behind TLS.

ALGORITHMS: Final = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)
"""Asymmetric signature algorithms; neither "none" nor HMAC with a shared secret."""

REQUIRED: Final = ("iss", "sub", "aud", "exp", "iat", "nonce")
LONGEST_SUBJECT: Final = 191
"""Maximum characters of a subject, the column size in the table of linked accounts."""

_KINDS: Final = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
_CLOCKS_DIFFER: Final = 60


class TokenRefused(Exception):
    """Error: an ID token is invalid; the text is the reason and contains nothing of the token."""


def claims_of(
    token: object,
    *,
    keys: Iterable[Mapping[str, object]],
    issuer: str,
    client: str,
    nonce: str,
) -> dict[str, object]:
    """Return the verified claims (`iss`, `sub`, `aud`, `exp`, `iat`, `nonce`) of an OIDC ID token.

    Its other claims are left out. Verified are the signature by one of `keys` (JWK), `issuer`, `client` (this
    installation's client id) as the only audience, the dates (a minute of clock difference allowed) and the
    `nonce` of the sign-in.

    Raises:
        TokenRefused: one of these checks fails.
    """
    if not isinstance(token, str):
        raise TokenRefused("the answer holds no identity token")
    try:
        claims: dict[str, object] = jwt.decode(
            token,
            _key_of(jwt.get_unverified_header(token), keys),
            algorithms=list(ALGORITHMS),
            issuer=issuer,
            audience=client,
            leeway=_CLOCKS_DIFFER,
            options={"require": list(REQUIRED), "enforce_minimum_key_length": True},
        )
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise TokenRefused(str(error)) from None
    if claims["aud"] not in (client, [client]) or claims.get("azp", client) != client:
        raise TokenRefused("the token is for others too")
    if not constant_time_compare(str(claims["nonce"]).encode(errors="replace"), nonce.encode()):
        raise TokenRefused("the token answers another sign-in")
    subject = str(claims["sub"])
    if not names_somebody(subject):
        raise TokenRefused("the token names nobody")
    return {name: claims[name] for name in REQUIRED}


def names_somebody(subject: str) -> bool:
    """Return whether an OIDC subject (user id at the provider) is acceptable.

    It must be printable, not blank, and of at most 191 characters.
    """
    return bool(subject.strip()) and subject.isprintable() and len(subject) <= LONGEST_SUBJECT


def _key_of(header: Mapping[str, object], keys: Iterable[Mapping[str, object]]) -> jwt.PyJWK:
    """Return the single key that matches an ID token's `header` by algorithm and, if given, key id.

    `keys` are the provider's public keys (JWK, RFC 7517).

    Raises:
        TokenRefused: none or several match, or the algorithm is not allowed.
    """
    algorithm = str(header.get("alg"))
    if algorithm not in ALGORITHMS:
        raise TokenRefused("the token is not signed by a private key")
    fitting = [
        key
        for key in keys
        if key.get("kty") == _KINDS[algorithm[:2]]
        and key.get("alg", algorithm) == algorithm
        and ("kid" not in header or key.get("kid") == header["kid"])
    ]
    if len(fitting) != 1:
        raise TokenRefused("the provider's keys hold not exactly one for this token")
    return jwt.PyJWK(dict(fitting[0]), algorithm=algorithm)


# Links between subjects of the provider and accounts.

PROVIDER = "oidc"


class SubjectTaken(Exception):
    """Error: the OIDC subject (user id at the provider) is linked to another account."""


class SubjectUnknown(Exception):
    """Error: the OIDC subject is blank, not printable or too long: no ID token could contain it."""


def link_subject(*, user: AbstractBaseUser, subject: str) -> bool:
    """Link a provider's `subject` to the account `user`; return False when it was linked already.

    Raises:
        SubjectTaken: the subject is linked to another account.
        SubjectUnknown: it is blank, not printable or too long.
    """
    if not names_somebody(subject):
        raise SubjectUnknown
    found, made = SocialAccount.objects.get_or_create(
        provider=PROVIDER, uid=subject, defaults={"user": user}
    )
    if found.user_id != user.pk:
        raise SubjectTaken(f"the subject '{subject}' signs in as another account")
    return bool(made)


# The sign-in by django-allauth, with stricter checks of addresses, signature and nonce.
#
# The library does not verify an ID token received directly from the provider, and asks for user information
# when there is none. Here the ID token is required and always verified (`claims_of`).

log = logging.getLogger("fanal.web")
_REFUSALS = (openid.ProviderUnsound, TokenRefused, OAuth2Error, RecursionError)
"""Errors in a provider's answers; RecursionError comes from deeply nested JSON."""


class Exchange(OpenIDConnectOAuth2Adapter):  # type: ignore[misc] # allauth carries no types
    """The exchange with the OpenID Connect provider in one sign-in (adapter of django-allauth)."""

    def get_provider(self) -> "SingleSignOnProvider":
        """Return the OpenID Connect provider configured in the settings.

        Raises:
            SocialApp.DoesNotExist: no provider with the id in the URL is configured.
        """
        app = get_adapter().get_app(self.request, provider=self.provider_id)
        return SingleSignOnProvider(self.request, app=app)

    @property
    def openid_config(self) -> dict[str, object]:
        """The provider's OpenID discovery document (issuer, endpoints), fetched once per exchange.

        Raises:
            requests.RequestException, ProviderUnsound: as `openid.discover`.
        """
        known = self.__dict__.get("_said")
        if isinstance(known, dict):
            return known
        said = openid.discover(self.get_provider().server_url)
        self.__dict__["_said"] = said
        return said

    def get_access_token_data(
        self, request: HttpRequest, app: SocialApp, client: OAuth2Client, pkce_code_verifier: str
    ) -> dict[str, object]:
        """Return the provider's token response (RFC 6749, 5.1) to the authorization code in the request.

        The nonce of the sign-in is derived from `pkce_code_verifier`, for the check of the ID token.

        `app` and `client` are allauth's: the configured provider, and its HTTP client.
        """
        self._nonce = nonce_of(pkce_code_verifier)
        answer: dict[str, object] = super().get_access_token_data(
            request, app, client, pkce_code_verifier=pkce_code_verifier
        )
        return answer

    def parse_token(self, data: dict[str, object]) -> SocialToken:
        """Return the access token in the token response `data`; it is neither used nor stored."""
        return SocialToken(token=str(data["access_token"]))

    def complete_login(
        self,
        request: HttpRequest,
        app: SocialApp,
        token: SocialToken,  # noqa: ARG002 - the library's signature
        *,
        response: dict[str, object],
    ) -> SocialLogin:
        """Return the sign-in of the person whom the verified ID token in the token `response` names.

        Raises:
            TokenRefused: the ID token is missing or invalid.
            ProviderUnsound: the provider's keys cannot be fetched or used.
            requests.RequestException: the provider does not answer.
        """
        claims = claims_of(
            response.get("id_token"),
            keys=openid.signing_keys(self.openid_config),
            issuer=str(self.openid_config["issuer"]),
            client=app.client_id,
            nonce=self._nonce,
        )
        return self.get_provider().sociallogin_from_response(request, {"id_token": claims})


class SingleSignOnProvider(OpenIDConnectProvider):  # type: ignore[misc]
    """The OpenID Connect provider; parameters that a browser adds to the sign-in URL are not passed on."""

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
    """Show a page with a link to the provider's sign-in, or an error page if the provider's data are invalid.

    A redirect would fail: with the CSP directive `form-action`, Chromium and Safari follow a form to no other
    host, not even through redirects, and the provider may redirect to hosts unknown here. `provider_id` is
    the provider's id in the settings.

    Raises:
        Http404: no such provider is configured.
    """
    answer = _answer(OAuth2LoginView, request, provider_id)
    if not isinstance(answer, HttpResponseRedirect):
        return answer
    context = {"target": answer.url, "name": Exchange(request, provider_id).get_provider().name}
    return render(request, "account_pages/to_provider.html", context)


def come_back(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Sign in the person whom the OpenID Connect provider names, or show an error page.

    It is the OAuth 2 redirect URI, which the provider calls with the authorization code.

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
