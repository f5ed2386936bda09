"""Sets of blinded identifiers: curve points, building our set, and its intersection with another.

Points are those of Curve25519 by their u-coordinate (RFC 7748): 32 bytes, little-endian. An identifier is
hashed to a point of unknown discrete logarithm and multiplied by a secret of the round (blinding). Without
the secret, the product reveals nothing of the identifier (decisional Diffie–Hellman). Multiplication
commutes: both sides obtain the same doubly blinded point for the same identifier.

The points of a set are in ascending order. Blinded points are random, so the order depends neither on the
order of the identifiers nor on a choice of the sender (no covert channel).
"""

import hashlib
from collections.abc import Iterable, Sequence
from itertools import count
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from msgspec import Struct

SIZE: Final = 32
LEAST: Final = 64
"""Minimum number of points in a set."""
MOST: Final = 1 << 17
"""Maximum number of points in a set (4 MiB)."""
_PRIME: Final = 2**255 - 19
_HALF: Final = (_PRIME - 1) // 2
_A: Final = 486_662
_DOMAIN: Final = b"fanal-deconflict/1 point\x00"


class PointsRefused(ValueError):
    """Error: received points are not a valid set of curve points; it gives no details to the sender."""


def new_secret() -> X25519PrivateKey:
    """Create the secret scalar of a round (one run of private set intersection).

    X25519 makes it a multiple of eight, which cancels the cofactor.
    """
    return X25519PrivateKey.generate()


def hash_to_point(pair: bytes, key: bytes) -> bytes:
    """Return the curve point (32 bytes) to which an identifier is hashed, for two given desks.

    The method is try-and-increment hash-to-curve. `pair` (see `message.pair_of`) separates the points of
    these two desks from those of any other pair; `key` is the 16-byte key of a selector (an identifier's kind
    and value). Candidates are SHA-256 digests with a counter, until one is on the curve itself: if half of
    the points were on the twist, a product would reveal one bit of the hashed value.
    """
    for counter in count():
        digest = hashlib.sha256(_DOMAIN + pair + key + counter.to_bytes(2, "big")).digest()
        point = digest[:-1] + bytes([digest[-1] & 0x7F])
        if is_on_curve(point):
            return point
    raise AssertionError  # pragma: no cover - count() has no end


def is_on_curve(point: bytes) -> bool:
    """Return whether 32 bytes are the canonical u-coordinate of a point of the curve, not of its twist.

    The points of order one and two do not count.
    """
    u = int.from_bytes(point, "little")
    return u < _PRIME and pow(u * (u * (u + _A) + 1) % _PRIME, _HALF, _PRIME) == 1


def multiply(secret: X25519PrivateKey, point: bytes) -> bytes:
    """Return the product of a curve point (32 bytes) and a secret scalar (X25519): the blinded point.

    Raises:
        PointsRefused: the point is of small order.
    """
    try:
        return secret.exchange(X25519PublicKey.from_public_bytes(point))
    except ValueError:
        raise PointsRefused from None


def random_point() -> bytes:
    """Return a random curve point that pads a set, indistinguishable from the point of an identifier."""
    return X25519PrivateKey.generate().public_key().public_bytes_raw()


def padded(number: int) -> int:
    """Return the size of a set of `number` identifiers after padding: a power of two, 64 (`LEAST`) at least.

    Raises:
        PointsRefused: more than 131,072 (`MOST`).
    """
    if number > MOST:
        raise PointsRefused
    return max(LEAST, 1 << max(0, number - 1).bit_length())


def pack(points: Sequence[bytes]) -> bytes:
    """Return curve points (32 bytes each) concatenated; `unpack` is the inverse."""
    return b"".join(points)


def unpack(packed: bytes) -> list[bytes]:
    """Split concatenated curve points (32 bytes each) into a list, and check their number.

    The points must be distinct, and their number a power of two. In their order.

    Raises:
        PointsRefused: wrong length, fewer than 64 or more than 131,072 points, or a duplicate.
    """
    number, rest = divmod(len(packed), SIZE)
    if rest or not LEAST <= number <= MOST or number & (number - 1):
        raise PointsRefused
    points = [packed[at : at + SIZE] for at in range(0, len(packed), SIZE)]
    if len(set(points)) != number:
        raise PointsRefused
    return points


def multiply_all(secret: X25519PrivateKey, points: Sequence[bytes]) -> list[bytes]:
    """Multiply points received from the other organisation by a secret scalar; keep their order.

    Raises:
        PointsRefused: a point is not on the curve or of small order, or two points give the same product
            (they differ only by a component of small order).
    """
    if not all(map(is_on_curve, points)):
        raise PointsRefused
    products = [multiply(secret, point) for point in points]
    if len(set(products)) != len(products):
        raise PointsRefused
    return products


_KEY = 16
_NOBODY = bytes(_KEY)
"""The key of a padding point."""


class LaidOut(Struct, frozen=True, kw_only=True):
    """A blinded set: concatenated curve points (`points`), and the identifiers behind them (`places`).

    `places` are their selector keys (16 bytes each), concatenated in the same order, with zeros for padding
    points. Only the points are sent; the keys stay here, to name the identifiers of the matches.
    """

    points: bytes
    places: bytes

    def key_at(self, place: int) -> bytes | None:
        """Return the selector key of the identifier whose curve point is at position `place`, from 0.

        A point is a blinded identifier as it is sent. The result is None for a padding point, behind which
        there is none.
        """
        found = self.places[place * _KEY : (place + 1) * _KEY]
        return None if found == _NOBODY else found


def lay_out(secret: X25519PrivateKey, pair: bytes, keys: Iterable[bytes]) -> LaidOut:
    """Return the blinded set of identifiers, padded to a power of two and sorted.

    `keys` are their selector keys (16 bytes each), `secret` is the scalar that blinds, `pair` the domain
    separator of both desks (`message.pair_of`).

    Raises:
        PointsRefused: more keys than a set may hold.
    """
    own = sorted(set(keys))
    shown = [(multiply(secret, hash_to_point(pair, key)), key) for key in own]
    shown += [(random_point(), _NOBODY) for _ in range(padded(len(own)) - len(own))]
    shown.sort()
    return LaidOut(
        points=pack([point for point, _ in shown]),
        places=b"".join(key for _, key in shown),
    )


def shown_points(packed: bytes) -> list[bytes]:
    """Split a received set into its points (blinded identifiers, 32 bytes each); check number and order.

    Whether each is on the curve is checked when it is multiplied (`multiply_all`).

    Raises:
        PointsRefused: a wrong length or number, a duplicate, or not in ascending order.
    """
    points = unpack(packed)
    if points != sorted(points):
        raise PointsRefused
    return points


def multiply_shown(secret: X25519PrivateKey, packed: bytes) -> bytes:
    """Return a received set (concatenated curve points) blinded again, with our secret, in its order.

    Raises:
        PointsRefused: the bytes are no valid set of curve points.
    """
    return pack(multiply_all(secret, shown_points(packed)))


class SetsMet(Struct, frozen=True, kw_only=True):
    """The identifiers that both our set and another organisation's contain.

    `keys` are their selector keys, `places` the ascending positions of the matching points in the other set,
    from 0.
    """

    keys: tuple[bytes, ...]
    places: tuple[int, ...]


def meet(secret: X25519PrivateKey, laid_out: LaidOut, *, twice: bytes, theirs: bytes) -> SetsMet:
    """Intersect our set (`laid_out`) with another organisation's by comparing doubly blinded points.

    Return the keys of the common selectors (identifiers), and their positions in the other set. `secret` is
    our scalar of this run. `twice` is our set as they blinded it again, in our order; `theirs` is their set,
    blinded once.

    Raises:
        PointsRefused: `twice` and our set differ in length, a point is invalid, or a (random) padding point
            of our set matches, which nobody could hold.
    """
    back = {point: place for place, point in enumerate(unpack(twice))}
    if len(twice) != len(laid_out.points):
        raise PointsRefused
    both = multiply_all(secret, shown_points(theirs))
    found = [(place, back[point]) for place, point in enumerate(both) if point in back]
    return SetsMet(
        keys=keys_at(laid_out, [ours for _, ours in found]),
        places=tuple(place for place, _ in found),
    )


def keys_at(laid_out: LaidOut, places: Sequence[int]) -> tuple[bytes, ...]:
    """Return the selector keys (of identifiers) at the positions `places` of our set.

    The other organisation reports these positions as matches.

    `laid_out` is our set; positions count from 0.

    Raises:
        PointsRefused: a position outside the set, or that of a (random) padding point, which nobody can hold.
    """
    number = len(laid_out.places) // _KEY
    keys = [laid_out.key_at(place) for place in places if 0 <= place < number]
    found = tuple(key for key in keys if key is not None)
    if len(found) != len(places):
        raise PointsRefused
    return found
