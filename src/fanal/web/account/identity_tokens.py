"""The identity token of single sign-on: whom the provider says has signed in, to us, in this sign-in.

OpenID Connect Core 1.0, 3.1.3.7. The signature is always verified, although that text lets a client skip it
behind TLS: the keys are then the only ones that sign anybody in.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import jwt
from django.utils.crypto import constant_time_compare

ALGORITHMS: Final = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)
"""Signatures by a private key that the provider alone holds; never "none", nor a shared secret."""

REQUIRED: Final = ("iss", "sub", "aud", "exp", "iat", "nonce")
LONGEST_SUBJECT: Final = 191
"""Characters of a subject, as the table of linked accounts holds it."""

_KINDS: Final = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
_CLOCKS_DIFFER: Final = 60


class TokenRefused(Exception):
    """An identity token that signs nobody in; the text says why, and holds nothing of it."""


def claims_of(
    token: object,
    *,
    keys: Iterable[Mapping[str, object]],
    issuer: str,
    client: str,
    nonce: str,
) -> dict[str, object]:
    """Return what makes a token one of ours (`REQUIRED`), checked; what else it says is left in it.

    Signed by one of `keys` (JWK); of `issuer`; for `client` and nobody else; of now, a minute of difference
    between clocks allowed; with the `nonce` of the sign-in that asked for it.

    Raises:
        TokenRefused: one of these does not hold.
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
    """Return whether a subject may stand in a token of ours."""
    return bool(subject.strip()) and subject.isprintable() and len(subject) <= LONGEST_SUBJECT


def _key_of(header: Mapping[str, object], keys: Iterable[Mapping[str, object]]) -> jwt.PyJWK:
    """Return the one key that a header may mean: of its name where it gives one, of its algorithm."""
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
