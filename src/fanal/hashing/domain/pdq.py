"""PDQ, the perceptual hash of pictures: 256 bits and a quality, bit-exact with the reference.

Source: "PDQ", Facebook, 2017-10-09, and its implementation in facebook/ThreatExchange (`pdq/cpp`), which the
PyPI packages `pdqhash` and `threatexchange` use. Two pictures with hashes at most 31 bits apart count as the
same.
"""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

# The compiled loops of PDQ: a picture's brightness, blurred and sampled to 64 by 64.
#
# The reference implementation fixes the result to the last bit (facebook/ThreatExchange,
# `pdq/cpp`): two rounds of a box filter along rows and columns, each a running sum in 32-bit floats whose
# roundings depend on the order of additions. So the order stays, and independent sums run in parallel:
#
# * the row filter takes sixteen rows at a time, as the sixteen lanes of a vector;
# * a strip of rows passes all filters before the next is read, so that only the picture itself comes
#   from main memory;
# * only 64 by 64 samples of the blurred picture are kept, so the second round divides only for these.
#
# Rows before the first and after the last count as zeros: adding zero changes no sum.

LANES = 16
SIDE = 64


@njit(nogil=True, cache=True, error_model="numpy")
def shrink(pixels: NDArray[np.uint8], parts: NDArray[np.float64], out: NDArray[np.float32]) -> None:
    """Blur and shrink a picture: write 64 by 64 samples of its brightness into `out`, float32[64, 64].

    `pixels` is uint8[rows, columns, 3], or uint8[rows, columns, 1] for grey. `parts` is float64[3, 256]: the
    contribution of each value of red, green and blue to the brightness.
    """
    rows, columns = pixels.shape[0], pixels.shape[1]
    across, down = _window(columns), _window(rows)
    ahead_down = (down + 2) // 2 - 1
    ring = LANES
    while ring < down + LANES:
        ring *= 2
    light = np.zeros((columns, LANES), np.float32)
    first = np.zeros((columns, ring), np.float32)
    second = np.zeros((columns, LANES), np.float32)
    sums = np.zeros(columns, np.float32)
    samples = np.zeros((rows, SIDE), np.float32)
    picks = np.empty(SIDE, np.int64)
    for place in range(SIDE):
        picks[place] = np.int64((place + 0.5) * columns / SIDE)
    sizes = np.empty(LANES, np.float32)
    start = 0
    while start < rows + ahead_down:
        _fill_light(pixels, start, parts, light)
        _along_rows(light, across, first, start & (ring - 1))
        for lane in range(LANES):
            step = start + lane
            sizes[lane] = max(1, min(step + 1, rows) - max(0, step + 1 - down))
        _along_columns(first, start, down, sums, sizes, second)
        _sample_rows(second, across, picks, samples, start - ahead_down)
        start += LANES
    _sample_columns(samples, down, out)


@njit(nogil=True, cache=True, error_model="numpy")
def _window(length: int) -> int:
    """Return the width of the box filter along `length` pixels: `length` / 128, rounded up."""
    return (length + 2 * SIDE - 1) // (2 * SIDE)


@njit(nogil=True, cache=True, error_model="numpy")
def _fill_light(
    pixels: NDArray[np.uint8],
    start: int,
    parts: NDArray[np.float64],
    light: NDArray[np.float32],
) -> None:
    """Write the brightness of sixteen rows from `start` on into `light`, float32[columns, 16].

    `pixels` is uint8[rows, columns, 3], or uint8[rows, columns, 1] for grey; rows after the last are zeros.
    `parts` is float64[3, 256], the contribution of each value of red, green and blue: a look-up table is
    faster than products.
    """
    rows, columns, channels = pixels.shape
    red, green, blue = parts[0], parts[1], parts[2]
    second, third = (1, 2) if channels == 3 else (0, 0)
    for lane in range(LANES):
        row = start + lane
        if row >= rows:
            for column in range(columns):
                light[column, lane] = np.float32(0)
            continue
        line = pixels[row]
        for column in range(columns):
            light[column, lane] = np.float32(
                red[line[column, 0]] + green[line[column, second]] + blue[line[column, third]]
            )


@njit(nogil=True, cache=True, error_model="numpy")
def _along_rows(light: NDArray[np.float32], full: int, out: NDArray[np.float32], slot: int) -> None:
    """Blur sixteen rows horizontally: write moving means over `full` columns into `out[:, slot:slot + 16]`.

    `light` is float32[columns, 16], the brightness of the rows; `out` is float32[columns, ring], a ring
    buffer of rows.
    """
    columns = light.shape[0]
    ahead = (full + 2) // 2 - 1
    sums = np.zeros(LANES, np.float32)
    for column in range(columns + ahead):
        if column < columns:
            for lane in range(LANES):
                sums[lane] += light[column, lane]
        if column >= full:
            for lane in range(LANES):
                sums[lane] -= light[column - full, lane]
        if column >= ahead:
            size = np.float32(min(column + 1, columns) - max(0, column + 1 - full))
            for lane in range(LANES):
                out[column - ahead, slot + lane] = sums[lane] / size


@njit(nogil=True, cache=True, error_model="numpy")
def _along_columns(
    values: NDArray[np.float32],
    start: int,
    full: int,
    sums: NDArray[np.float32],
    sizes: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Blur sixteen rows from `start` vertically: write the moving mean over `full` rows into `out`.

    `full` is the height of the box filter. `values`, float32[columns, ring], is a ring buffer of the last
    rows for each column (its length is a power of two), `sums`, float32[columns], the running sum of each
    column, updated here. `sizes`, float32[16], is the divisor of each row; `out` is float32[columns, 16].
    """
    columns, ring = values.shape
    mask = ring - 1
    raw = np.empty(LANES, np.float32)
    head = start & mask
    for column in range(columns):
        total = sums[column]
        for lane in range(LANES):
            total += values[column, head + lane]
            total -= values[column, (start + lane - full) & mask]
            raw[lane] = total
        sums[column] = total
        for lane in range(LANES):
            out[column, lane] = raw[lane] / sizes[lane]


@njit(nogil=True, cache=True, error_model="numpy")
def _sample_rows(
    values: NDArray[np.float32],
    full: int,
    picks: NDArray[np.int64],
    samples: NDArray[np.float32],
    row: int,
) -> None:
    """Blur sixteen rows from `row` on horizontally; keep the means at the 64 columns `picks`.

    `values` is float32[columns, 16], `full` the width of the box filter; `samples`, float32[rows, 64], is
    filled.
    """
    columns, rows = values.shape[0], samples.shape[0]
    ahead = (full + 2) // 2 - 1
    sums = np.zeros(LANES, np.float32)
    place = 0
    for column in range(columns + ahead):
        if column < columns:
            for lane in range(LANES):
                sums[lane] += values[column, lane]
        if column >= full:
            for lane in range(LANES):
                sums[lane] -= values[column - full, lane]
        while place < SIDE and picks[place] == column - ahead:
            size = np.float32(min(column + 1, columns) - max(0, column + 1 - full))
            for lane in range(LANES):
                if 0 <= row + lane < rows:
                    samples[row + lane, place] = sums[lane] / size
            place += 1


@njit(nogil=True, cache=True, error_model="numpy")
def _sample_columns(samples: NDArray[np.float32], full: int, out: NDArray[np.float32]) -> None:
    """Blur the columns of `samples`, float32[rows, 64], vertically; keep the means at 64 rows in `out`.

    `full` is the height of the box filter; `out` is float32[64, 64].
    """
    rows = samples.shape[0]
    ahead = (full + 2) // 2 - 1
    sums = np.zeros(SIDE, np.float32)
    place = 0
    for row in range(rows + ahead):
        if row < rows:
            for column in range(SIDE):
                sums[column] += samples[row, column]
        if row >= full:
            for column in range(SIDE):
                sums[column] -= samples[row - full, column]
        while place < SIDE and np.int64((place + 0.5) * rows / SIDE) == row - ahead:
            size = np.float32(min(row + 1, rows) - max(0, row + 1 - full))
            for column in range(SIDE):
                out[place, column] = sums[column] / size
            place += 1


@njit(nogil=True, cache=True, error_model="numpy")
def transform(
    samples: NDArray[np.float32], cosines: NDArray[np.float32], out: NDArray[np.float32]
) -> None:
    """Write the 16 by 16 lowest DCT frequencies of `samples` (without the constant one) into `out`.

    `samples` is float32[64, 64] (brightness), `cosines` float32[16, 64] (the basis), `out` float32[16, 16].
    Each sum follows the order of its 64 terms, for bit-exact results.
    """
    half = np.zeros((16, SIDE), np.float32)
    turned = np.ascontiguousarray(cosines.T)
    for i in range(16):
        for k in range(SIDE):
            for j in range(SIDE):
                half[i, j] += cosines[i, k] * samples[k, j]
    for i in range(16):
        for j in range(16):
            out[i, j] = np.float32(0)
        for k in range(SIDE):
            for j in range(16):
                out[i, j] += half[i, k] * turned[k, j]


@njit(nogil=True, cache=True, error_model="numpy")
def gradients(samples: NDArray[np.float32]) -> int:
    """Return the sum of the steps between neighbours of 64 by 64 samples: PDQ's measure of detail.

    Each step is an absolute value in whole percents of 255. `samples` is float32[64, 64], brightness from 0
    to 255.
    """
    hundred, whole = np.float32(100), np.float32(255)
    total = 0
    for i in range(SIDE):
        for j in range(SIDE):
            if i + 1 < SIDE:
                step = (samples[i, j] - samples[i + 1, j]) * hundred / whole
                total += abs(np.int64(step))
            if j + 1 < SIDE:
                step = (samples[i, j] - samples[i, j + 1]) * hundred / whole
                total += abs(np.int64(step))
    return total


SMALLEST_SIDE: Final = 5
"""Least rows and columns; a smaller picture gets a hash of zeros and quality 0."""
_MEDIAN: Final = 127  # of 256 sorted values: the reference takes the lower of the two in the middle
_PARTS: Final = np.multiply.outer(np.array([0.299, 0.587, 0.114]), np.arange(256.0))
_SIXTEEN = np.arange(1, 17)[:, None]
_COSINES: Final = (
    np.float64(np.float32(np.sqrt(2.0 / 64.0)))
    * np.cos((np.pi / 2.0 / 64.0) * _SIXTEEN * (2 * np.arange(64) + 1))
).astype(np.float32)


def pdq(pixels: NDArray[np.uint8]) -> tuple[str, int]:
    """Return the PDQ hash (64 hexadecimal digits) and the quality (0 to 100) of decoded pixels.

    `pixels` is uint8[rows, columns, channels]: red, green and blue, or a single grey channel. A picture with
    a side under `SMALLEST_SIDE` gets a hash of zeros with quality 0.

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
        # Always a read-only view, so a single compiled signature serves: a child cannot compile another.
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
