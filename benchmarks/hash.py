"""`fanal bench hash`: our PDQ hash against the public `pdqhash`, in one run: speed, and differing bits.

Pictures are generated and not stored: noise, gradients, shapes and bars like lines of text, as RGB, grey,
palette and with transparency. Both implementations get the same decoded pixels.
"""

import io
import json
import time
from collections.abc import Callable, Iterator
from statistics import median

import click
import numpy as np
import pdqhash
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from fanal.hashing.domain.pdq import pdq
from fanal.hashing.domain.records import FileFacts, FileLimits
from fanal.hashing.picture import hash_picture
from fanal.hashing.pool import FileToHash, Pool

_SIZES = ((512, 512), (2048, 1536))
_LARGE = (6200, 4200)
_LARGE_PICTURES = 6
_ROUNDS = 7
_THROUGH_CHILDREN = 64
Pixels = NDArray[np.uint8]


@click.command("hash")
@click.option(
    "--size",
    type=click.IntRange(min=10),
    default=300,
    show_default=True,
    help="Number of generated items (SIZE).",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def hash_(size: int, as_json: bool) -> None:
    """Hash pictures, compare the time with pdqhash (CPU, one thread), and the bits of SIZE pictures."""
    result: dict[str, object] = {"bench": "hash", "size": size}
    pdq(_drawn(0, 64, 70))  # compiles
    for width, height in _SIZES:
        result |= _speed(width, height)
    result |= _bits(size)
    result |= _scaled()
    result |= _through_children()
    if as_json:
        click.echo(json.dumps(result))
    else:
        for name, value in result.items():
            click.echo(f"{name}: {value}")


def _speed(width: int, height: int) -> dict[str, object]:
    """Return pictures per second and core: the hash alone, and with the decoding of a JPEG.

    The picture has `width` × `height` pixels.
    """
    pixels = _drawn(1, height, width)
    file = _encoded(Image.fromarray(pixels), "JPEG")
    ours, theirs = _rounds(lambda: pdq(pixels), lambda: _reference(pixels))
    facts, limits = FileFacts(media_type="image/jpeg"), FileLimits()
    whole_ours, whole_theirs = _rounds(
        lambda: hash_picture(file, facts=facts, limits=limits),
        lambda: _reference(np.asarray(Image.open(io.BytesIO(file)))),
    )
    return {
        f"images_per_s_{width}": round(1 / ours, 1),
        f"images_per_s_{width}_pdqhash": round(1 / theirs, 1),
        f"ratio_{width}": round(theirs / ours, 2),
        f"images_per_s_{width}_decoded": round(1 / whole_ours, 1),
        f"images_per_s_{width}_decoded_pdqhash": round(1 / whole_theirs, 1),
        f"ratio_{width}_decoded": round(whole_theirs / whole_ours, 2),
    }


def _rounds(ours: Callable[[], object], theirs: Callable[[], object]) -> tuple[float, float]:
    """Return the CPU seconds of two functions, called alternately: the best round of each."""
    times = [(_cpu(ours), _cpu(theirs)) for _ in range(_ROUNDS)]
    return min(t[0] for t in times), min(t[1] for t in times)


def _bits(count: int) -> dict[str, object]:
    distances, qualities = [], 0
    for pixels in _pictures(count):
        (one, quality), (other, its) = pdq(pixels), _reference(pixels)
        distances.append(_apart(one, other))
        qualities += quality != its
    return {
        "bits_max": max(distances),
        "bits_median": median(distances),
        "quality_differs": qualities,
    }


def _scaled() -> dict[str, object]:
    """Return by how many bits the scaled decoding of a large JPEG changes its hash: maximum and median."""
    distances: list[int] = []
    for number in range(_LARGE_PICTURES):
        width, height = _LARGE
        file = _encoded(Image.fromarray(_drawn(number, height, width)), "JPEG")
        facts = hash_picture(file, facts=FileFacts(media_type="image/jpeg"), limits=FileLimits())
        if facts.scale == 1 or facts.pdq is None:
            raise click.ClickException("a large picture was not decoded at a scale")
        whole = pdq(np.asarray(Image.open(io.BytesIO(file)).convert("RGB")))[0]
        distances.append(_apart(facts.pdq, whole))
    return {
        "scaled_from": f"{_LARGE[0]}x{_LARGE[1]}",
        "scaled_bits_max": max(distances),
        "scaled_bits_median": median(distances),
    }


def _through_children() -> dict[str, object]:
    """Return files per second through sandboxed child processes, four hashes each, at most four at once."""
    file = _encoded(Image.fromarray(_drawn(1, 512, 512)), "JPEG")
    pool = Pool()
    asked = [FileToHash(size=len(file), pieces=[file])] * _THROUGH_CHILDREN
    try:
        pool.hash_files(asked[: pool.size])
        started = time.perf_counter()
        pool.hash_files(asked)
        return {
            "children": pool.size,
            "child_files_per_s_512": round(_THROUGH_CHILDREN / (time.perf_counter() - started), 1),
        }
    finally:
        pool.stop()


def _pictures(count: int) -> Iterator[Pixels]:
    """Yield `count` decoded pictures of many sizes and pixel formats."""
    chance = np.random.default_rng(4)
    for number in range(count):
        height, width = chance.integers(5, 900, 2).tolist()
        image = Image.fromarray(_drawn(number, height, width))
        mode = ("RGB", "L", "RGBA", "P")[number // 4 % 4]
        yield np.ascontiguousarray(np.asarray(image.convert(mode).convert("RGB")))


def _drawn(number: int, height: int, width: int) -> Pixels:
    """Return a picture as uint8[rows, columns, 3]: noise, a gradient, shapes or bars, chosen by `number`.

    Its size is `height` × `width`.
    """
    chance = np.random.default_rng([5, number, height, width])
    kind = number % 4
    if kind == 0:
        return chance.integers(0, 256, (height, width, 3), dtype=np.uint8)
    if kind == 2:
        grey = (
            np.linspace(0, 255, width)[None, :] * np.linspace(chance.random(), 1, height)[:, None]
        )
        return np.stack([grey, grey[::-1], 255 - grey], 2).astype(np.uint8)
    picture = Image.new("RGB", (width, height), tuple(chance.integers(0, 256, 3).tolist()))
    pen = ImageDraw.Draw(picture)
    for line in range(24):
        (x0, x1), (y0, y1) = (np.sort(chance.integers(0, n, 2)).tolist() for n in (width, height))
        colour = tuple(chance.integers(0, 256, 3).tolist())
        if kind == 3:
            y0, y1 = height * line // 24, height * line // 24 + height // 40
        (pen.ellipse if kind == 1 and line % 2 else pen.rectangle)((x0, y0, x1 + 1, y1 + 1), colour)
    return np.array(picture)


def _encoded(image: Image.Image, name: str) -> bytes:
    file = io.BytesIO()
    image.save(file, name, quality=85)
    return file.getvalue()


def _reference(pixels: Pixels) -> tuple[str, int]:
    bits, quality = pdqhash.compute(pixels)
    return np.packbits(bits.astype(np.uint8)).tobytes().hex(), quality


def _apart(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


def _cpu(act: Callable[[], object]) -> float:
    started = time.process_time()
    act()
    return time.process_time() - started
