"""Sets of blinded identifiers: building our set, and its intersection with another.

The points of a set are in ascending order. Blinded points are random, so the order depends neither on the
order of the identifiers nor on a choice of the sender (no covert channel).
"""

from collections.abc import Iterable, Sequence

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from msgspec import Struct

from fanal.deconfliction.domain import curve
from fanal.deconfliction.domain.curve import PointsRefused

_KEY = 16
_NOBODY = bytes(_KEY)
"""The key of a padding point."""


class LaidOut(Struct, frozen=True, kw_only=True):
    """A blinded set: concatenated curve points (`points`), and the selector keys behind them (`places`).

    The keys are concatenated too, in the same order, with zeros for padding points. Only the points are sent;
    the keys stay here, to name the identifiers of the matches.
    """

    points: bytes
    places: bytes

    def key_at(self, place: int) -> bytes | None:
        """Return the selector key of the identifier whose curve point is at position `place`, from 0.

        A point is a blinded identifier as it is sent. None for a padding point, behind which there is none.
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
    shown = [(curve.multiply(secret, curve.hash_to_point(pair, key)), key) for key in own]
    shown += [(curve.random_point(), _NOBODY) for _ in range(curve.padded(len(own)) - len(own))]
    shown.sort()
    return LaidOut(
        points=curve.pack([point for point, _ in shown]),
        places=b"".join(key for _, key in shown),
    )


def shown_points(packed: bytes) -> list[bytes]:
    """Split a received set into its curve points (blinded identifiers, 32 bytes each).

    Raises:
        PointsRefused: not a valid set, or not in ascending order.
    """
    points = curve.unpack(packed)
    if points != sorted(points):
        raise PointsRefused
    return points


def multiply_shown(secret: X25519PrivateKey, packed: bytes) -> bytes:
    """Return a received set (concatenated curve points) blinded again, with our secret, in its order.

    Raises:
        PointsRefused: the bytes are no valid set of curve points.
    """
    return curve.pack(curve.multiply_all(secret, shown_points(packed)))


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
