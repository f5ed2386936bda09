"""The envelope: what it binds, what it refuses, and how it cuts streams."""

import os
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings, strategies as st
from msgspec.structs import replace

from fanal.vault.domain import envelope
from fanal.vault.domain.envelope import CHUNK, EnvelopeRefused, Wrapper, unwrap
from fanal.vault.domain.records import Bound, Sealable

PRIVATE = X25519PrivateKey.generate()
BOUND = Bound(id=uuid4(), owner_id=uuid4(), kind="report", sha256=bytes(32))


class TestWrap:
    def test_a_batch_shares_the_ephemeral_key_and_no_wrapping_key(self) -> None:
        wrapper, key = Wrapper(PRIVATE.public_key()), envelope.new_data_key()
        one, two = wrapper.wrap(key, BOUND), wrapper.wrap(key, replace(BOUND, id=uuid4()))
        assert one[:33] == two[:33]
        assert one[33:65] != two[33:65]
        assert len(one) == envelope.WRAPPED_SIZE
        assert unwrap(one, private=PRIVATE, bound=BOUND) == key

    @pytest.mark.parametrize(
        "change",
        [
            {"id": uuid4()},
            {"owner_id": uuid4()},
            {"kind": "reporta"},
            {"kind": "repor"},
            {"sha256": bytes(31) + b"\x01"},
        ],
    )
    def test_binds_every_field(self, change: dict[str, object]) -> None:
        wrapped = Wrapper(PRIVATE.public_key()).wrap(bytes(32), BOUND)
        with pytest.raises(EnvelopeRefused):
            unwrap(wrapped, private=PRIVATE, bound=replace(BOUND, **change))  # type: ignore[arg-type]

    def test_every_changed_bit_is_refused(self) -> None:
        wrapped = Wrapper(PRIVATE.public_key()).wrap(bytes(32), BOUND)
        for position in range(len(wrapped)):
            for bit in range(8):
                changed = bytearray(wrapped)
                changed[position] ^= 1 << bit
                with pytest.raises(EnvelopeRefused):
                    unwrap(bytes(changed), private=PRIVATE, bound=BOUND)

    def test_another_key_opens_nothing(self) -> None:
        wrapped = Wrapper(PRIVATE.public_key()).wrap(bytes(32), BOUND)
        with pytest.raises(EnvelopeRefused):
            unwrap(wrapped, private=X25519PrivateKey.generate(), bound=BOUND)

    def test_a_point_of_small_order_is_refused(self) -> None:
        with pytest.raises(EnvelopeRefused):
            unwrap(b"\x01" + bytes(32) + bytes(48), private=PRIVATE, bound=BOUND)


KEY, OBJECT = bytes(range(32)), UUID(int=7)


class TestContent:
    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.integers(0, 90_000), max_size=5))
    def test_pieces_of_any_size_come_back_whole(self, sizes: list[int]) -> None:
        pieces = [os.urandom(size) for size in sizes]
        sealed = list(envelope.seal_chunks(pieces, data_key=KEY, object_id=OBJECT))
        whole = b"".join(pieces)
        assert len(b"".join(sealed)) == envelope.sealed_size(len(whole))
        assert all(len(chunk) == CHUNK + envelope.TAG for chunk in sealed[:-1])
        opened = envelope.open_content(b"".join(sealed), data_key=KEY, object_id=OBJECT)
        assert opened == whole

    def test_chunks_cannot_be_cut_moved_repeated_or_added(self) -> None:
        chunks = list(envelope.seal_chunks([bytes(3 * CHUNK)], data_key=KEY, object_id=OBJECT))
        assert len(chunks) == 3
        one, two, three = chunks
        for forged in (
            [one, two],
            [one],
            [],
            [two, one, three],
            [one, three],
            [one, two, two, three],
            [one, two, three, three],
            [three],
        ):
            with pytest.raises(EnvelopeRefused):
                envelope.open_content(b"".join(forged), data_key=KEY, object_id=OBJECT)

    def test_content_of_another_object_is_refused(self) -> None:
        sealed = envelope.seal_content(b"x", data_key=KEY, object_id=OBJECT)
        with pytest.raises(EnvelopeRefused):
            envelope.open_content(sealed, data_key=KEY, object_id=UUID(int=8))

    @pytest.mark.parametrize("size", [0, 1, CHUNK, CHUNK + 1])
    def test_the_size_is_known_beforehand(self, size: int) -> None:
        sealed = envelope.seal_content(bytes(size), data_key=KEY, object_id=OBJECT)
        assert len(sealed) == envelope.sealed_size(size)


@pytest.mark.parametrize("kind", ["", "Report", "two words", "a" * 33, "é", "a\n"])
def test_a_kind_is_a_code(kind: str) -> None:
    with pytest.raises(ValueError, match="no code"):
        Sealable(id=OBJECT, owner_id=OBJECT, kind=kind, plaintext=b"")


def test_plaintext_and_keys_stay_out_of_reprs() -> None:
    item = Sealable(id=OBJECT, owner_id=OBJECT, kind="report", plaintext=b"CANARY")
    assert "CANARY" not in repr(item)
