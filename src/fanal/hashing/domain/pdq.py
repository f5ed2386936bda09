"""PDQ, the perceptual hash of pictures: 256 bits and a quality, to the bit as the reference says.

Source: "PDQ", Facebook, 2017-10-09, and its implementation in facebook/ThreatExchange (`pdq/cpp`), which the
PyPI packages `pdqhash` and `threatexchange` run. Two pictures whose hashes are at most 31 bits apart are
taken for the same.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from fanal.hashing.domain.kernels import gradients, shrink, transform

SMALLEST_SIDE: Final = 5
"""A picture with fewer rows or columns has the hash of zeros and quality 0."""
_MEDIAN: Final = 127  # of 256 in order: the reference takes the lower of the two in the middle
_PARTS: Final = np.multiply.outer(np.array([0.299, 0.587, 0.114]), np.arange(256.0))
_SIXTEEN = np.arange(1, 17)[:, None]
_COSINES: Final = (
    np.float64(np.float32(np.sqrt(2.0 / 64.0)))
    * np.cos((np.pi / 2.0 / 64.0) * _SIXTEEN * (2 * np.arange(64) + 1))
).astype(np.float32)


def pdq(pixels: NDArray[np.uint8]) -> tuple[str, int]:
    """Return the PDQ hash, 64 hexadecimal digits, and the quality, 0 to 100, of decoded pixels.

    `pixels` is uint8[rows, columns, channels], contiguous; with three channels red, green and blue, with one
    the grey value.

    Raises:
        ValueError: the array has another shape.
    """
    if pixels.ndim != 3 or pixels.shape[2] not in {1, 3}:
        raise ValueError("pixels are (rows, columns, 1) or (rows, columns, 3)")
    if min(pixels.shape[:2]) < SMALLEST_SIDE:
        return "0" * 64, 0
    samples = np.empty((64, 64), np.float32)
    if pixels.shape[:2] == (64, 64):
        samples[:] = _brightness(pixels)
    else:
        # Seen as read-only whoever made it: one compiled form serves all, and a child can compile no other.
        steady = np.ascontiguousarray(pixels).view()
        steady.flags.writeable = False
        shrink(steady, _PARTS, samples)
    frequencies = np.empty((16, 16), np.float32)
    transform(samples, _COSINES, frequencies)
    flat = frequencies.reshape(-1)
    median = np.partition(flat, _MEDIAN)[_MEDIAN]
    bits = np.packbits((flat > median)[::-1])
    return bits.tobytes().hex(), min(int(gradients(samples)) // 90, 100)


def _brightness(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    last = pixels.shape[2] - 1
    red, green, blue = (_PARTS[c][pixels[:, :, min(c, last)]] for c in range(3))
    light: NDArray[np.float64] = red + green + blue
    return light
