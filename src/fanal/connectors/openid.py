"""Client of an OpenID Connect provider: discovery document and signing keys.

Only https, or http on this machine, so that nobody can read or change client secret, codes and keys.
Redirects are not followed.
"""

from collections.abc import Mapping
from typing import Final

import requests

from fanal.kernel.typed import is_sheltered

WELL_KNOWN: Final = "/.well-known/openid-configuration"
SECONDS: Final = 5.0
_ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class ProviderUnsound(Exception):
    """Error: the provider's configuration or answers are unacceptable for sign-in; the text says why."""


class ShelteredSession(requests.Session):
    """HTTP session limited to https (or loopback) URLs, with a short time-out and without redirects."""

    def request(
        self, method: str | bytes, url: str | bytes, *args: object, **more: object
    ) -> requests.Response:
        """Return the response to a request; the caller's time-out and redirect options are overruled.

        Raises:
            requests.RequestException: no answer, or a redirect.
            ProviderUnsound: the URL is neither https nor loopback.
        """
        address = url if isinstance(url, str) else url.decode()
        if not is_sheltered(address):
            raise ProviderUnsound(f"{address} is no https address")
        more.update(allow_redirects=False, timeout=SECONDS)
        answer: requests.Response = super().request(method, address, *args, **more)  # type: ignore[arg-type]
        if answer.is_redirect:
            raise requests.TooManyRedirects(f"{address} leads elsewhere")
        return answer


def discover(address: str) -> dict[str, object]:
    """Return the OpenID Connect discovery document of the provider at `address`, its endpoints checked.

    `address` is the URL of the document, or the issuer.

    Raises:
        requests.RequestException: it does not answer.
        ProviderUnsound: it names another issuer, or an endpoint is missing or not https.
    """
    issuer = address.partition("/.well-known/")[0].rstrip("/")
    said = _read(address if "/.well-known/" in address else f"{issuer}{WELL_KNOWN}")
    if str(said.get("issuer", "")).rstrip("/") != issuer:
        raise ProviderUnsound(f"the issuer is {said.get('issuer')!r}, not {issuer!r}")
    for name in _ENDPOINTS:
        if not is_sheltered(str(said.get(name, ""))):
            raise ProviderUnsound(f"{name} is no https address: {said.get(name)!r}")
    return said


def signing_keys(provider: Mapping[str, object]) -> list[Mapping[str, object]]:
    """Return the public signing keys (JWK, RFC 7517) of a provider from the key set at its `jwks_uri`.

    `provider` is its discovery document.

    Raises:
        requests.RequestException: it does not answer.
        ProviderUnsound: the response is no key set.
    """
    keys = _read(str(provider["jwks_uri"])).get("keys")
    if not isinstance(keys, list):
        raise ProviderUnsound("the key set holds no list of keys")
    return [key for key in keys if isinstance(key, dict) and key.get("use", "sig") == "sig"]


def _read(address: str) -> dict[str, object]:
    with ShelteredSession() as line:
        answer = line.get(address)
    answer.raise_for_status()
    try:
        said = answer.json()
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise ProviderUnsound(f"{address} answers no JSON object")
    return said
