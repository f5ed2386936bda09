"""Our PDQ is the reference's, bit for bit, quality included."""

import numpy as np
import pdqhash
import pytest
from hypothesis import given, settings, strategies as st

from fanal.hashing.domain.pdq import pdq
from tests.unit.hashing.pictures import KINDS, draw


def reference(pixels: np.ndarray) -> tuple[str, int]:
    bits, quality = pdqhash.compute(np.ascontiguousarray(pixels))
    return np.packbits(bits.astype(np.uint8)).tobytes().hex(), quality


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "shape",
    [
        *[(5, 5), (4, 90), (7, 300), (63, 64), (64, 64), (65, 64), (127, 129), (128, 128)],
        *[(512, 512), (517, 1031), (31, 2500)],
    ],
    ids=str,
)
def test_is_the_reference_to_the_bit(kind: str, shape: tuple[int, int]) -> None:
    picture = draw(kind, *shape)
    assert pdq(picture) == reference(picture)


def test_is_the_reference_for_a_large_picture() -> None:
    picture = draw("shapes", 1536, 2048)
    assert pdq(picture) == reference(picture)


@given(rows=st.integers(1, 400), columns=st.integers(1, 400), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=40)
def test_is_the_reference_at_any_size(rows: int, columns: int, seed: int) -> None:
    kind = KINDS[seed % len(KINDS)]
    picture = draw(kind, rows, columns, seed=seed)
    assert pdq(picture) == reference(picture)


def test_grey_pixels_are_hashed_as_their_three_equal_colours() -> None:
    grey = draw("noise", 300, 200)[:, :, :1]
    assert pdq(np.ascontiguousarray(grey)) == reference(np.repeat(grey, 3, axis=2))
    small = np.ascontiguousarray(draw("noise", 64, 64)[:, :, :1])
    assert pdq(small) == reference(np.repeat(small, 3, axis=2))


def test_memory_in_another_order_changes_nothing() -> None:
    picture = draw("shapes", 200, 310)
    assert pdq(np.asfortranarray(picture)) == pdq(picture)


def test_a_hash_of_zeros_is_said_to_be_worthless() -> None:
    assert pdq(draw("noise", 4, 4)) == ("0" * 64, 0)


@pytest.mark.parametrize("shape", [(10, 10), (10, 10, 2), (10, 10, 4)], ids=str)
def test_refuses_what_is_no_picture(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="pixels"):
        pdq(np.zeros(shape, np.uint8))
