"""Points of Curve25519 by their u-coordinate (RFC 7748), as 32 octets, little-endian.

An identifier becomes a point that nobody knows a logarithm of; a secret of the round multiplies it. Who
sees the product learns nothing of the identifier without the secret (decisional Diffie–Hellman), and the
order in which two sides multiply does not matter: that is all that de-confliction needs.
"""

import hashlib
from collections.abc import Sequence
from itertools import count
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

SIZE: Final = 32
LEAST: Final = 64
"""A set never shows fewer points than this."""
MOST: Final = 1 << 17
"""A set never holds more: 4 MiB."""
_PRIME: Final = 2**255 - 19
_HALF: Final = (_PRIME - 1) // 2
_A: Final = 486_662
_DOMAIN: Final = b"fanal-deconflict/1 point\x00"


class PointsRefused(ValueError):
    """Points from outside are no set of points of the curve; nothing says which, or why."""


def new_secret() -> X25519PrivateKey:
    """Return a secret of a round; X25519 makes it a multiple of eight, which strikes out small orders."""
    return X25519PrivateKey.generate()


def hash_to_point(pair: bytes, key: bytes) -> bytes:
    """Return the point of an identifier between two desks.

    `pair` separates the points of two desks from those of any others, `key` is the key of a selector.
    Candidates are taken from SHA-256 with a counter until one is on the curve itself: were half of the
    points on its twist, a product would tell one bit of what was hashed.
    """
    for counter in count():
        digest = hashlib.sha256(_DOMAIN + pair + key + counter.to_bytes(2, "big")).digest()
        point = digest[:-1] + bytes([digest[-1] & 0x7F])
        if is_on_curve(point):
            return point
    raise AssertionError  # pragma: no cover - count() has no end


def is_on_curve(point: bytes) -> bool:
    """Return whether 32 octets are the canonical coordinate of a point of the curve, not of its twist.

    The points of order one and two are none.
    """
    u = int.from_bytes(point, "little")
    return u < _PRIME and pow(u * (u * (u + _A) + 1) % _PRIME, _HALF, _PRIME) == 1


def multiply(secret: X25519PrivateKey, point: bytes) -> bytes:
    """Return a point multiplied by a secret.

    Raises:
        PointsRefused: the point is of small order.
    """
    try:
        return secret.exchange(X25519PublicKey.from_public_bytes(point))
    except ValueError:
        raise PointsRefused from None


def random_point() -> bytes:
    """Return a point that is no identifier's: none can tell it from one that is."""
    return X25519PrivateKey.generate().public_key().public_bytes_raw()


def padded(number: int) -> int:
    """Return how many points a set of `number` shows: a power of two, `LEAST` at least.

    Raises:
        PointsRefused: more than `MOST`.
    """
    if number > MOST:
        raise PointsRefused
    return max(LEAST, 1 << max(0, number - 1).bit_length())


def pack(points: Sequence[bytes]) -> bytes:
    """Return points one after the other."""
    return b"".join(points)


def unpack(packed: bytes) -> list[bytes]:
    """Return the points that stand one after the other, each once, a power of two of them.

    Raises:
        PointsRefused: another length, too few or too many, or one twice.
    """
    number, rest = divmod(len(packed), SIZE)
    if rest or not LEAST <= number <= MOST or number & (number - 1):
        raise PointsRefused
    points = [packed[at : at + SIZE] for at in range(0, len(packed), SIZE)]
    if len(set(points)) != number:
        raise PointsRefused
    return points


def multiply_all(secret: X25519PrivateKey, points: Sequence[bytes]) -> list[bytes]:
    """Return points from outside, multiplied in their order.

    Raises:
        PointsRefused: one is not on the curve, of small order, or the same as another but for a part of
            small order.
    """
    if not all(map(is_on_curve, points)):
        raise PointsRefused
    products = [multiply(secret, point) for point in points]
    if len(set(products)) != len(products):
        raise PointsRefused
    return products
