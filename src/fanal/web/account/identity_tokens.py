"""Verification of the ID token of single sign-on (OpenID Connect Core 1.0, section 3.1.3.7).

The signature is always verified, although the standard allows clients to skip that behind TLS.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import jwt
from django.utils.crypto import constant_time_compare

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
    """An invalid ID token; the text is the reason and contains nothing of the token."""


def claims_of(
    token: object,
    *,
    keys: Iterable[Mapping[str, object]],
    issuer: str,
    client: str,
    nonce: str,
) -> dict[str, object]:
    """Return the verified claims `REQUIRED` of an ID token; its other claims are ignored.

    Verified are the signature by one of `keys` (JWK), `issuer`, `client` as the only audience, the dates (a
    minute of clock difference allowed) and the `nonce` of the sign-in.

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
    """Return whether a subject identifier is acceptable: not blank, printable, not too long."""
    return bool(subject.strip()) and subject.isprintable() and len(subject) <= LONGEST_SUBJECT


def _key_of(header: Mapping[str, object], keys: Iterable[Mapping[str, object]]) -> jwt.PyJWK:
    """Return the single key that matches the token header by algorithm and, if given, key id.

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
