"""Decodes a picture under limits and computes its PDQ hash. Runs in a child process, renders nothing.

Policies, which follow the public hashers wherever they have one, so that hashes of lists are comparable:

* the pixels as stored: an orientation noted in EXIF is ignored, and EXIF is not read at all;
* the first frame of an animation;
* transparency is dropped, the colours under it count; a palette gives its colours;
* CMYK becomes RGB by the plain formula, sixteen bits a channel become their upper eight;
* a JPEG of more than `SCALED_FROM` pixels is decoded at a smaller scale with sides of `LEAST_SIDE` or more
  (`fanal bench hash` measures the bits that this changes); all other pictures are decoded at full size.
"""

import io
from collections.abc import Mapping
from typing import Final

import numpy as np
from msgspec import structs
from numpy.typing import NDArray
from PIL.GifImagePlugin import GifImageFile
from PIL.Image import DecompressionBombError, Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from fanal.hashing.domain.pdq import pdq
from fanal.hashing.domain.records import FileFacts, FileLimits, Unhashed

SCALED_FROM: Final = 25_000_000
LEAST_SIDE: Final = 1024
_MOST_SCALED: Final = 8


class _Jpeg(JpegImageFile):
    """A JPEG decoder without EXIF parsing, to reduce the attack surface."""

    def _read_dpi_from_exif(self) -> None:
        return


_OPENERS: Final[Mapping[str, type[ImageFile]]] = {
    "image/jpeg": _Jpeg,
    "image/png": PngImageFile,
    "image/gif": GifImageFile,
    "image/webp": WebPImageFile,
}


def hash_picture(data: bytes | bytearray, *, facts: FileFacts, limits: FileLimits) -> FileFacts:
    """Return `facts` completed with dimensions and PDQ hash of the picture `data`.

    If there is no hash, `unhashed` has the reason: DAMAGED for a file that the decoder refuses,
    TOO_MANY_PIXELS or TOO_MUCH_MEMORY beyond the limits.
    """
    try:
        with _OPENERS[facts.media_type](io.BytesIO(data)) as image:
            width, height = image.size
            facts = structs.replace(facts, width=width, height=height)
            scale = _scale_of(image, limits)
            if scale is None:
                return structs.replace(facts, unhashed=Unhashed.TOO_MANY_PIXELS)
            if scale > 1:
                image.draft(image.mode, (width // scale, height // scale))
            image.load()
            value, quality = pdq(_pixels(image))
    except MemoryError:
        return structs.replace(facts, unhashed=Unhashed.TOO_MUCH_MEMORY)
    except DecompressionBombError:
        return structs.replace(facts, unhashed=Unhashed.TOO_MANY_PIXELS)
    except Exception:  # noqa: BLE001 - any decoder error on hostile bytes means a damaged file
        return structs.replace(facts, unhashed=Unhashed.DAMAGED)
    return structs.replace(facts, pdq=value, quality=quality, scale=scale)


def _scale_of(image: ImageFile, limits: FileLimits) -> int | None:
    """Return the divisor at which to decode a picture (1 for full size); None if it exceeds the limits."""
    width, height = image.size
    pixels = width * height
    if not isinstance(image, JpegImageFile) or image.mode not in {"L", "RGB"}:
        return 1 if pixels <= limits.pixels else None
    if pixels > limits.scaled_pixels:
        return None
    scale = 1
    while (
        pixels // scale**2 > SCALED_FROM
        and scale < _MOST_SCALED
        and min(width, height) // (2 * scale) >= LEAST_SIDE
    ):
        scale *= 2
    return scale if pixels // scale**2 <= limits.pixels else None


def _pixels(image: Image) -> NDArray[np.uint8]:
    """Return a decoded picture's pixels as uint8[rows, columns, 3], or uint8[rows, columns, 1] for grey."""
    if image.mode.startswith("I"):
        wide = np.asarray(image).astype(np.uint32)
        high: NDArray[np.uint8] = np.minimum(wide >> 8, 255).astype(np.uint8)
        return high[:, :, None]
    if image.mode in {"1", "LA"}:
        image = image.convert("L")
    elif image.mode not in {"L", "RGB"}:
        image = image.convert("RGB")
    array: NDArray[np.uint8] = np.asarray(image)
    return array[:, :, None] if array.ndim == 2 else array
