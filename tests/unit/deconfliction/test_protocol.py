"""Points, sets and messages against a slow implementation of their own, and against hostile ones."""

import base64
import hashlib
import json
import secrets
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings, strategies as st

from fanal.deconfliction.domain import sets
from fanal.deconfliction.domain.message import (
    Answer,
    Conclusion,
    Offer,
    check_signature,
    pair_of,
    read_message,
    write_message,
)
from fanal.deconfliction.domain.sets import PointsRefused
from fanal.harmonise.domain.records import SelectorKind
from fanal.harmonise.domain.sightings import key_bytes
from fanal.kernel.refusal import Refusal
from tests.deconfliction_peer import point_of, square_root, times

PAIR = hashlib.sha256(b"pair").digest()
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
SMALL_ORDER = [0, 1, sets._PRIME - 1, sets._PRIME, sets._PRIME + 1]


def keys(*numbers: int) -> list[bytes]:
    return [hashlib.sha256(str(number).encode()).digest()[:16] for number in numbers]


class TestCurve:
    def test_vector_of_the_protocol(self) -> None:
        """Worked out by the slow implementation; it never changes within the version of the protocol."""
        key = key_bytes(SelectorKind.EMAIL, "someone@mail.example")
        expected = "49d9e4a8f56da64809bc8e04dd32c61e01facc13b7c8ed07433bd539bd636921"
        assert sets.hash_to_point(PAIR, key).hex() == expected
        assert point_of(PAIR, "EMAIL", "someone@mail.example").hex() == expected
        scalar = bytes(range(32))
        product = sets.multiply(
            X25519PrivateKey.from_private_bytes(scalar), bytes.fromhex(expected)
        )
        assert product.hex() == "d72cbcb356eb4c79f9210cd249e0e93cd2117e6ee0f91fb8c9933e816b2b6f46"
        assert times(scalar, bytes.fromhex(expected)) == product

    @settings(max_examples=25, deadline=None)
    @given(st.text(min_size=1, max_size=30), st.binary(min_size=32, max_size=32))
    def test_both_implementations_agree(self, value: str, scalar: bytes) -> None:
        point = sets.hash_to_point(PAIR, key_bytes(SelectorKind.HANDLE, value))
        assert point == point_of(PAIR, "HANDLE", value)
        assert sets.is_on_curve(point)
        fast = sets.multiply(X25519PrivateKey.from_private_bytes(scalar), point)
        assert fast == times(scalar, point)

    def test_the_order_of_secrets_does_not_matter(self) -> None:
        one, two = sets.new_secret(), sets.new_secret()
        point = sets.hash_to_point(PAIR, keys(1)[0])
        ways = {
            sets.multiply(one, sets.multiply(two, point)),
            sets.multiply(two, sets.multiply(one, point)),
        }
        assert len(ways) == 1

    def test_another_pair_has_other_points(self) -> None:
        assert sets.hash_to_point(PAIR, keys(1)[0]) != sets.hash_to_point(b"x" * 32, keys(1)[0])

    @pytest.mark.parametrize("u", SMALL_ORDER)
    def test_points_of_small_order_are_refused(self, u: int) -> None:
        point = u.to_bytes(32, "little")
        with pytest.raises(PointsRefused):
            sets.multiply_all(sets.new_secret(), [point])

    def test_points_of_order_eight_are_refused(self) -> None:
        """RFC 7748 lists none; they are the roots whose double is of order four."""
        found = [
            325606250916557431795983626356110631294008115727848805560023387167927233504,
            39382357235489614581723060781553021112529911719440698176882885853963445705823,
        ]
        for u in found:
            with pytest.raises(PointsRefused):
                sets.multiply_all(sets.new_secret(), [u.to_bytes(32, "little")])

    def test_the_twist_is_refused(self) -> None:
        u = next(u for u in range(2, 100) if square_root(u**3 + sets._A * u**2 + u) is None)
        with pytest.raises(PointsRefused):
            sets.multiply_all(sets.new_secret(), [u.to_bytes(32, "little")])

    def test_what_is_not_canonical_is_refused(self) -> None:
        point = int.from_bytes(sets.random_point(), "little")
        high = (point | 1 << 255).to_bytes(32, "little")
        with pytest.raises(PointsRefused):
            sets.multiply_all(sets.new_secret(), [high])

    def test_a_point_and_the_same_beside_a_small_order_are_one(self) -> None:
        """P and P + T (T of order two) differ, and are the same once multiplied: a set says nothing twice."""
        point = sets.random_point()
        beside = pow(int.from_bytes(point, "little"), -1, sets._PRIME).to_bytes(32, "little")
        assert sets.is_on_curve(beside)
        with pytest.raises(PointsRefused):
            sets.multiply_all(sets.new_secret(), [point, beside])

    def test_points_that_fill_up_are_on_the_curve(self) -> None:
        assert all(sets.is_on_curve(sets.random_point()) for _ in range(50))

    @pytest.mark.parametrize(
        ("number", "shown"), [(0, 64), (1, 64), (64, 64), (65, 128), (100_000, 1 << 17)]
    )
    def test_a_set_shows_a_power_of_two(self, number: int, shown: int) -> None:
        assert sets.padded(number) == shown

    def test_a_set_too_large_is_refused(self) -> None:
        with pytest.raises(PointsRefused):
            sets.padded(sets.MOST + 1)


def play(ours: list[bytes], theirs: list[bytes]) -> tuple[set[bytes], set[bytes]]:
    """Play a round between two sets; return what each side learns."""
    a, b = sets.new_secret(), sets.new_secret()
    mine, yours = sets.lay_out(a, PAIR, ours), sets.lay_out(b, PAIR, theirs)
    twice = sets.multiply_shown(b, mine.points)
    met = sets.meet(a, mine, twice=twice, theirs=yours.points)
    return set(met.keys), set(sets.keys_at(yours, met.places))


class TestSets:
    @pytest.mark.parametrize(
        ("ours", "theirs"),
        [
            ((), ()),
            ((1,), ()),
            ((), (1,)),
            ((1,), (1,)),
            ((1,), (2,)),
            ((1, 2), (2, 3)),
            ((1, 2), (2, 1)),
        ],
    )
    def test_both_learn_what_both_hold(
        self, ours: tuple[int, ...], theirs: tuple[int, ...]
    ) -> None:
        common = set(keys(*set(ours) & set(theirs)))
        assert play(keys(*ours), keys(*theirs)) == (common, common)

    @settings(max_examples=12, deadline=None)
    @given(st.sets(st.integers(0, 40), max_size=30), st.sets(st.integers(0, 40), max_size=30))
    def test_any_two_sets(self, ours: set[int], theirs: set[int]) -> None:
        common = set(keys(*ours & theirs))
        assert play(keys(*sorted(ours)), keys(*sorted(theirs, reverse=True))) == (common, common)

    def test_the_order_of_arrival_and_repetition_leave_no_trace(self) -> None:
        secret = sets.new_secret()
        real = [
            sorted(
                place
                for point, place in zip(
                    sets.unpack(laid.points),
                    [laid.key_at(n) for n in range(64)],
                    strict=True,
                )
                if place is not None and point
            )
            for laid in (
                sets.lay_out(secret, PAIR, keys(1, 2, 3)),
                sets.lay_out(secret, PAIR, keys(3, 1, 2, 2)),
            )
        ]
        assert real[0] == real[1] == sorted(keys(1, 2, 3))

    def test_a_round_has_points_of_its_own(self) -> None:
        shown = [
            set(sets.unpack(sets.lay_out(sets.new_secret(), PAIR, keys(1)).points)) for _ in "ab"
        ]
        assert shown[0].isdisjoint(shown[1])

    def test_nobody_can_hold_what_fills_up(self) -> None:
        laid = sets.lay_out(sets.new_secret(), PAIR, keys(1))
        filler = next(n for n in range(64) if laid.key_at(n) is None)
        for places in ([filler], [64], [-1], [10**9]):
            with pytest.raises(PointsRefused):
                sets.keys_at(laid, places)

    def test_an_answer_that_says_a_filler_meets_is_refused(self) -> None:
        a, b = sets.new_secret(), sets.new_secret()
        mine = sets.lay_out(a, PAIR, keys(1))
        theirs = sets.lay_out(b, PAIR, keys(2)).points
        lie = [sets.multiply(a, point) for point in sets.unpack(theirs)]
        with pytest.raises(PointsRefused):
            sets.meet(a, mine, twice=sets.pack(lie), theirs=theirs)

    @pytest.mark.parametrize("twice", [b"", b"\x09" * 32, bytes(64 * 32), bytes(63 * 32 + 5)])
    def test_an_answer_of_another_length_is_refused(self, twice: bytes) -> None:
        a = sets.new_secret()
        theirs = sets.lay_out(sets.new_secret(), PAIR, []).points
        with pytest.raises(PointsRefused):
            sets.meet(a, sets.lay_out(a, PAIR, []), twice=twice, theirs=theirs)

    def test_a_set_out_of_order_is_refused(self) -> None:
        points = sets.unpack(sets.lay_out(sets.new_secret(), PAIR, []).points)
        with pytest.raises(PointsRefused):
            sets.multiply_shown(sets.new_secret(), sets.pack(points[::-1]))

    @given(st.binary(max_size=70 * 32))
    @settings(max_examples=40, deadline=None)
    def test_any_bytes_are_refused_or_points(self, packed: bytes) -> None:
        with pytest.raises(PointsRefused):
            sets.multiply_shown(sets.new_secret(), packed)


KEY = Ed25519PrivateKey.generate()
PUBLIC = KEY.public_key().public_bytes_raw()


def offer(**change: object) -> Offer:
    said = {
        "round": uuid4(),
        "sender": "North",
        "recipient": "South",
        "at": NOW,
        "expires": NOW + timedelta(days=7),
        "points": b"".join(sorted(sets.random_point() for _ in range(64))),
    }
    return Offer(**said | change)  # type: ignore[arg-type]


class TestMessages:
    def test_they_come_back(self) -> None:
        for message in (
            offer(),
            Answer(
                round=UUID(int=5), sender="é\u2028\"", recipient="b", at=NOW, expires=NOW + timedelta(1),
                twice=b"a" * 64, points=b"b", previous="c" * 64,
            ),
            Conclusion(
                round=UUID(int=5), sender="a", recipient="b", at=NOW, expires=NOW + timedelta(1), met=(0, 3),
                previous="c" * 64,
            ),
        ):  # fmt: skip
            received = read_message(write_message(message, key=KEY))
            assert received.message == message
            check_signature(received, key=PUBLIC)

    def test_another_key_is_refused(self) -> None:
        received = read_message(write_message(offer(), key=Ed25519PrivateKey.generate()))
        with pytest.raises(Refusal, match="SIGNATURE"):
            check_signature(received, key=PUBLIC)

    def test_one_message_has_one_form(self) -> None:
        body = write_message(offer(), key=KEY)
        tree = json.loads(body)
        again = json.dumps(tree, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
        assert again == body
        others = [
            body[:-1],
            body + b" ",
            json.dumps(tree).encode() + b"\n",
            json.dumps(dict(reversed(tree.items())), separators=(",", ":")).encode() + b"\n",
            body.replace(b'"kind":"OFFER"', b'"kind":"OFFER","kind":"OFFER"'),
            body.replace(b'"kind":"OFFER"', b'"x":1,"kind":"OFFER"'),
            body.replace(b"fanal-deconflict/1", b"fanal-deconflict/2"),
            body.replace(b"12:00:00Z", b"12:00:00+00:00"),
            body.replace(b"12:00:00Z", b"12:00:00"),
            body.replace(b'"North"', b'"\\u004eorth"'),
            body.replace(b'"previous":""', b'"previous":"x"'),
            b"\xff" + body,
            b"[" * 100_000,
            b"",
        ]
        for other in others:
            with pytest.raises(Refusal, match="MALFORMED"):
                read_message(other)

    def test_time_runs_forward_and_places_ascend(self) -> None:
        with pytest.raises(Refusal, match="MALFORMED"):
            read_message(write_message(offer(expires=NOW), key=KEY))
        for met in ((1, 1), (2, 1), (-1,), (sets.MOST,)):
            told = Conclusion(
                round=uuid4(), sender="a", recipient="b", at=NOW, expires=NOW + timedelta(1), met=met, previous="",
            )  # fmt: skip
            with pytest.raises(Refusal, match="MALFORMED"):
                read_message(write_message(told, key=KEY))

    def test_the_largest_fits_and_no_larger(self) -> None:
        from fanal.deconfliction.domain.message import MAX_BYTES

        largest = Answer(
            round=uuid4(), sender="a" * 100, recipient="b" * 100, at=NOW, expires=NOW + timedelta(1),
            twice=bytes(32 * sets.MOST), points=bytes(32 * sets.MOST), previous="c" * 64,
        )  # fmt: skip
        assert len(write_message(largest, key=KEY)) <= MAX_BYTES
        with pytest.raises(Refusal, match="TOO_LARGE"):
            read_message(bytes(MAX_BYTES + 1))

    @settings(max_examples=150, deadline=None)
    @given(st.integers(0, 3200), st.integers(1, 255))
    def test_a_changed_byte_is_noticed(self, place: int, change: int) -> None:
        body = bytearray(write_message(offer(round=UUID(int=7)), key=KEY))
        body[place % len(body)] ^= change
        with pytest.raises(Refusal):
            check_signature(read_message(bytes(body)), key=PUBLIC)

    @settings(max_examples=150, deadline=None)
    @given(st.binary(max_size=300))
    def test_any_bytes(self, body: bytes) -> None:
        with pytest.raises(Refusal):
            read_message(body)

    def test_a_pair_has_no_order(self) -> None:
        one, two = secrets.token_bytes(32), secrets.token_bytes(32)
        assert pair_of(one, two) == pair_of(two, one) != pair_of(one, one)

    def test_points_are_base64(self) -> None:
        message = offer()
        tree = json.loads(write_message(message, key=KEY))
        assert base64.b64decode(tree["message"]["points"]) == message.points
