"""Sets of identifiers under a secret: laid out to be shown, and met with another's. Pure but for chance.

A set is shown in the ascending order of its points. Their order is that of chance then, whatever the order
in which the identifiers came, and leaves no room to say anything by it.
"""

from collections.abc import Iterable, Sequence

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from msgspec import Struct

from fanal.deconfliction.domain import curve
from fanal.deconfliction.domain.curve import PointsRefused

_KEY = 16
_NOBODY = bytes(_KEY)
"""The key of a point that only fills up."""


class LaidOut(Struct, frozen=True, kw_only=True):
    """A set as it is shown: its points, and the key that stands behind each (zeros behind none)."""

    points: bytes
    places: bytes

    def key_at(self, place: int) -> bytes | None:
        """Return the key behind a point, None behind one that only fills up."""
        found = self.places[place * _KEY : (place + 1) * _KEY]
        return None if found == _NOBODY else found


def lay_out(secret: X25519PrivateKey, pair: bytes, keys: Iterable[bytes]) -> LaidOut:
    """Return the set of `keys` (16 octets each) under a secret, filled up to a power of two.

    Raises:
        PointsRefused: more keys than a set holds.
    """
    own = sorted(set(keys))
    shown = [(curve.multiply(secret, curve.hash_to_point(pair, key)), key) for key in own]
    shown += [(curve.random_point(), _NOBODY) for _ in range(curve.padded(len(own)) - len(own))]
    shown.sort()
    return LaidOut(
        points=curve.pack([point for point, _ in shown]),
        places=b"".join(key for _, key in shown),
    )


def shown_points(packed: bytes) -> list[bytes]:
    """Return the points of a set that somebody shows.

    Raises:
        PointsRefused: no such set, or not in ascending order.
    """
    points = curve.unpack(packed)
    if points != sorted(points):
        raise PointsRefused
    return points


def multiply_shown(secret: X25519PrivateKey, packed: bytes) -> bytes:
    """Return the points of a shown set multiplied, in their order.

    Raises:
        PointsRefused: as `shown_points` and `curve.multiply_all`.
    """
    return curve.pack(curve.multiply_all(secret, shown_points(packed)))


class SetsMet(Struct, frozen=True, kw_only=True):
    """What two sets have in common: our keys, and the places of these points in their set, ascending."""

    keys: tuple[bytes, ...]
    places: tuple[int, ...]


def meet(secret: X25519PrivateKey, laid_out: LaidOut, *, twice: bytes, theirs: bytes) -> SetsMet:
    """Return what our set and theirs have in common.

    `twice` is our set as they multiplied it, `theirs` their set.

    Raises:
        PointsRefused: `twice` is not our set's length, points are none, or one that only fills our set up
            is said to meet: nobody could hold it.
    """
    back = {point: place for place, point in enumerate(curve.unpack(twice))}
    if len(twice) != len(laid_out.points):
        raise PointsRefused
    both = curve.multiply_all(secret, shown_points(theirs))
    found = [(place, back[point]) for place, point in enumerate(both) if point in back]
    return SetsMet(
        keys=keys_at(laid_out, [ours for _, ours in found]),
        places=tuple(place for place, _ in found),
    )


def keys_at(laid_out: LaidOut, places: Sequence[int]) -> tuple[bytes, ...]:
    """Return the keys behind places of our set that are said to meet.

    Raises:
        PointsRefused: a place that is none, or is that of a point that only fills up.
    """
    number = len(laid_out.places) // _KEY
    keys = [laid_out.key_at(place) for place in places if 0 <= place < number]
    found = tuple(key for key in keys if key is not None)
    if len(found) != len(places):
        raise PointsRefused
    return found
