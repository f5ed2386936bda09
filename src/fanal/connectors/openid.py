"""What a provider of single sign-on says of itself, and the keys it signs with.

Asked over https, or by http on this machine: client secret, codes and keys pass nobody who could read or
change them. No redirect is followed.
"""

from collections.abc import Mapping
from typing import Final

import requests

from fanal.kernel.typed import is_sheltered

WELL_KNOWN: Final = "/.well-known/openid-configuration"
SECONDS: Final = 5.0
_ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class ProviderUnsound(Exception):
    """Nobody signs in by this provider as it stands; the text says what is wrong with it."""


class ShelteredSession(requests.Session):
    """A session of HTTP that reaches sheltered addresses only, for a few seconds, and follows nowhere."""

    def request(
        self, method: str | bytes, url: str | bytes, *args: object, **more: object
    ) -> requests.Response:
        """Return the answer.

        Raises:
            requests.RequestException: no answer came, or it leads elsewhere.
            ProviderUnsound: the address is not sheltered.
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
    """Return what the provider at `address` says of itself, its endpoints checked.

    `address` names its discovery page, or the issuer above it.

    Raises:
        requests.RequestException: it does not answer.
        ProviderUnsound: it names another issuer, or an endpoint is missing or could be read by others.
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
    """Return the public keys that a provider signs with, as its key set holds them (JWK, RFC 7517).

    Raises:
        requests.RequestException: it does not answer.
        ProviderUnsound: what it answers is no set of keys.
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
