"""Hostile bytes: each is answered within a second, harms only itself, and leaves the pool at work."""

import hashlib
import io
import os
import signal
import socket
import struct
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from random import Random

import numpy as np
import pytest
from PIL import Image

from fanal.hashing import video
from fanal.hashing.domain.pdq import pdq
from fanal.hashing.domain.records import FileFacts, FileLimits, Unhashed, media_type_of
from fanal.hashing.pool import FileToHash, HasherAway, Pool
from tests.unit.hashing.pictures import draw, encoded

TRIES = 6


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    made = Pool(size=2)
    made.hash_files([asked(b"warm")])
    yield made
    made.stop()


def asked(data: bytes, *, exact: bool = False) -> FileToHash:
    pieces = [data[i : i + 65_536] for i in range(0, len(data), 65_536)]
    return FileToHash(size=len(data), pieces=pieces, exact=exact)


def answer(pool: Pool, data: bytes) -> FileFacts:
    """Return the facts of one file, which must come within five seconds: some tenths of one on a quiet machine.

    Slow moments of the machine are allowed: what takes too long does so every time.
    """
    taken: list[float] = []
    while len(taken) < TRIES:
        started = time.perf_counter()
        [facts] = pool.hash_files([asked(data)])
        taken.append(time.perf_counter() - started)
        assert isinstance(facts, FileFacts)
        if taken[-1] < 5:
            return facts
    raise AssertionError(f"each time too long: {taken}")


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, *, depth: int = 8, colour: int = 2, data: bytes = b"") -> bytes:
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def jpeg_of(width: int, height: int) -> bytes:
    data = bytearray(encoded(draw("noise", 64, 64), "JPEG"))
    start = data.index(b"\xff\xc0") + 5
    data[start : start + 4] = struct.pack(">HH", height, width)
    return bytes(data)


PICTURE = draw("shapes", 300, 400)


@pytest.mark.parametrize("name", ["PNG", "JPEG", "GIF", "WEBP"])
def test_a_picture_has_its_exact_and_its_visual_hashes(pool: Pool, name: str) -> None:
    data = encoded(PICTURE, name)
    facts = answer(pool, data)
    assert (facts.width, facts.height, facts.unhashed) == (400, 300, None)
    assert facts.media_type == f"image/{name.lower()}"
    assert facts.sha256 == hashlib.sha256(data).hexdigest()
    assert facts.sha1 == hashlib.sha1(data).hexdigest()
    assert facts.md5 == hashlib.md5(data).hexdigest()
    shown = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    assert (facts.pdq, facts.quality) == pdq(shown)


def same(one: str | None, other: str | None) -> int:
    return (int(one or "0", 16) ^ int(other or "0", 16)).bit_count()


def test_every_kind_of_pixels_becomes_the_same_picture(pool: Pool) -> None:
    image = Image.fromarray(PICTURE)
    grey = np.asarray(image.convert("L"))
    wide = Image.fromarray((grey.astype(np.uint16) << 8) | 37)
    clear = image.copy()
    clear.putalpha(128)
    plain = answer(pool, encoded(image, "PNG")).pdq
    files = {
        "alpha": encoded(clear, "PNG"),
        "palette": encoded(image.quantize(256), "PNG"),
        "grey": encoded(image.convert("L"), "PNG"),
        "grey with alpha": encoded(image.convert("LA"), "PNG"),
        "sixteen bits": encoded(wide, "PNG"),
        "cmyk": encoded(image.convert("CMYK"), "JPEG", quality=95),
        "one bit": encoded(image.convert("1"), "PNG"),
    }
    distances = {name: same(answer(pool, data).pdq, plain) for name, data in files.items()}
    assert distances["alpha"] == 0
    assert distances.pop("one bit") <= 80  # what is left of it is dithered
    assert all(distance <= 30 for distance in distances.values()), distances
    assert same(answer(pool, files["sixteen bits"]).pdq, answer(pool, files["grey"]).pdq) <= 4


def test_the_first_frame_of_an_animation_counts(pool: Pool) -> None:
    first, second = Image.fromarray(PICTURE), Image.fromarray(draw("noise", 300, 400))
    for name in ("GIF", "WEBP"):
        options = {"lossless": True} if name == "WEBP" else {}
        still = answer(pool, encoded(first, name, **options)).pdq
        moving = encoded(first, name, save_all=True, append_images=[second], **options)
        assert same(answer(pool, moving).pdq, still) <= 2


def test_an_orientation_in_exif_is_ignored(pool: Pool) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encoded(PICTURE, "JPEG", exif=exif, quality=95)
    facts = answer(pool, turned)
    assert (facts.width, facts.height) == (400, 300)
    assert facts.pdq == answer(pool, encoded(PICTURE, "JPEG", quality=95)).pdq


def test_a_large_jpeg_is_decoded_at_a_scale(pool: Pool) -> None:
    large = encoded(Image.new("L", (9000, 5000), 90), "JPEG", quality=30)
    facts = answer(pool, large)
    assert (facts.width, facts.height, facts.scale, facts.unhashed) == (9000, 5000, 2, None)


@pytest.mark.parametrize(
    ("reason", "data"),
    [
        (Unhashed.EMPTY, b""),
        (Unhashed.NO_PICTURE, b"only words"),
        (Unhashed.NO_PICTURE, b"\x00\x00\x00\x18ftypisom" + b"\0" * 99),
        (Unhashed.DAMAGED, encoded(PICTURE, "JPEG")[:4000]),
        (Unhashed.DAMAGED, encoded(PICTURE, "PNG")[:1000]),
        (Unhashed.DAMAGED, encoded(PICTURE, "WEBP")[:1000]),
        (Unhashed.DAMAGED, encoded(PICTURE, "GIF")[:900]),
        (Unhashed.DAMAGED, b"\xff\xd8\xff" + Random(2).randbytes(5000)),
        (Unhashed.DAMAGED, b"\x89PNG\r\n\x1a\n" + Random(2).randbytes(5000)),
        (Unhashed.DAMAGED, b"GIF89a" + Random(2).randbytes(5000)),
        (Unhashed.DAMAGED, b"RIFF\x00\x10\x00\x00WEBPVP8 " + Random(2).randbytes(5000)),
        (Unhashed.DAMAGED, b"\x89PNG\r\n\x1a\n"),
        (Unhashed.TOO_MANY_PIXELS, png(60_000, 60_000, data=zlib.compress(bytes(1000)))),
        (Unhashed.TOO_MANY_PIXELS, png(2**31 - 1, 2**31 - 1)),
        (Unhashed.TOO_MANY_PIXELS, jpeg_of(65_000, 65_000)),
        (Unhashed.TOO_MANY_PIXELS, b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0x80, 0, 0)
         + bytes(6) + b"," + struct.pack("<HHHHB", 0, 0, 65_535, 65_535, 0) + b"\x02\x01D\x00;"),
        (Unhashed.DAMAGED, png(7000, 7000, data=zlib.compress(bytes(1000)))),
        (Unhashed.DAMAGED, png(100, 100, depth=3, data=zlib.compress(bytes(100_000)))),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)}-bytes",
)  # fmt: skip
def test_hostile_bytes_cost_only_themselves(pool: Pool, reason: Unhashed, data: bytes) -> None:
    facts = answer(pool, data)
    assert (facts.unhashed, facts.pdq) == (reason, None)
    assert facts.sha256 == hashlib.sha256(data).hexdigest()
    assert answer(pool, encoded(PICTURE, "PNG")).pdq is not None


def test_a_text_chunk_that_inflates_without_end_is_refused(pool: Pool) -> None:
    bomb = zlib.compress(bytes(80 << 20), 9)
    head = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"zTXt", b"note\0\0" + bomb)
    assert answer(pool, data).unhashed is Unhashed.DAMAGED


def test_what_takes_too_long_or_too_much_is_ended() -> None:
    noise = encoded(draw("noise", 1500, 1500), "PNG")
    # Small as a file, long to decode: time is given for bytes too.
    flat = encoded(Image.new("L", (6900, 6900)), "PNG")
    for limits, reason in (
        (FileLimits(cpu_seconds=0.02), Unhashed.TOO_SLOW),
        (FileLimits(wall_seconds=0.001), Unhashed.TOO_SLOW),
        (FileLimits(memory=20 << 20), Unhashed.TOO_MUCH_MEMORY),
        (FileLimits(pixels=1_000_000), Unhashed.TOO_MANY_PIXELS),
        (FileLimits(file_bytes=1000), Unhashed.TOO_LARGE),
    ):
        small = Pool(size=1, limits=limits)
        try:
            short = limits.wall_seconds < 1
            [facts] = small.hash_files([asked(flat if short else noise)])
            assert isinstance(facts, FileFacts)
            assert facts.unhashed is reason, limits
        finally:
            small.stop()


def test_children_are_replaced_after_some_files_and_after_a_death() -> None:
    pool = Pool(size=1, limits=FileLimits(files=2))
    try:
        data = encoded(PICTURE, "PNG")
        facts = pool.hash_files([asked(data)] * 5)
        assert len({f.pdq for f in facts}) == 1
        first = pool._idle.get()
        assert first is not None
        assert first.left == 1
        os.kill(first.number, signal.SIGKILL)
        pool._idle.put(first)
        [lost, next_one] = pool.hash_files([asked(data), asked(data)])
        assert lost.unhashed is Unhashed.CHILD_DIED
        assert next_one.pdq == facts[0].pdq

        pool._nursery.kill()  # the worst: all children are orphans
        pool._nursery.wait()
        [after] = pool.hash_files([asked(data)])
        [again] = pool.hash_files([asked(data)])
        assert again.pdq == facts[0].pdq
        assert after.pdq in {None, facts[0].pdq}
    finally:
        pool.stop()


def test_a_nursery_that_does_not_start_blames_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    pool = Pool(size=1)
    with pytest.raises(HasherAway):
        pool.hash_files([asked(b"words"), asked(b"more")])
    pool.stop()


@pytest.mark.parametrize("answer", [b"", b"no number"], ids=["ended", "odd"])
def test_a_nursery_that_does_not_answer_blames_no_file(
    answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own error, given as the file's, had the report of the file set aside."""
    pool = Pool(size=1)
    ours, theirs = socket.socketpair()
    monkeypatch.setattr(pool, "_started", lambda: ours)
    theirs.sendall(answer * 2)
    theirs.shutdown(socket.SHUT_WR)
    with theirs, ours, pytest.raises(HasherAway):
        pool.hash_files([asked(b"words")])


def test_bytes_that_cannot_be_read_are_told_and_the_child_is_not_used_again(pool: Pool) -> None:
    def broken() -> Iterator[bytes]:
        yield encoded(PICTURE, "PNG")[:500]
        raise LookupError("sealed")

    [failed, fine] = pool.hash_files(
        [FileToHash(size=5000, pieces=broken()), asked(encoded(PICTURE, "PNG"))]
    )
    assert isinstance(failed, LookupError)
    assert fine.pdq is not None


def test_a_file_nobody_looks_into_is_not_read_when_its_hashes_are_known(pool: Pool) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"words and nothing else"
        raise AssertionError("read on")

    [facts] = pool.hash_files([FileToHash(size=10**9, pieces=pieces(), exact=True)])
    assert facts.unhashed is Unhashed.NO_PICTURE


def test_kinds_are_told_by_the_first_bytes() -> None:
    assert media_type_of(b"\x00\x00\x00\x18ftypisom") == "video/mp4"
    assert media_type_of(b"\x00\x00\x00\x18ftypheic") == "image/heic"
    assert media_type_of(b"RIFF\x00\x00\x00\x00AVI LIST") == "video/x-msvideo"
    assert media_type_of(b"\x00\x00\x01\xba\x44") == "video/mpeg"
    assert media_type_of(b"FLV\x01\x05") == "video/x-flv"
    assert media_type_of(b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9") == "video/x-ms-asf"
    assert media_type_of(b"\x00\x00\x00\x08wide\x00\x00") == "video/quicktime"
    assert media_type_of(b"RIFF") == ""
    assert media_type_of(b"") == ""


LIBRARY = """
import mmap, sys, threading
from types import SimpleNamespace
mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC)  # as code is loaded

def computeHash(path, *, seconds_per_hash):
    assert seconds_per_hash == 1.0
    seen = []
    with open(path, "rb") as video:
        reader = threading.Thread(target=lambda: seen.append(video.read()))
        reader.start()
        reader.join()
    print("words of the file", file=sys.stderr, flush=True)
    if b"damaged" in seen[0]:
        raise Exception("Fail to create VPDQ hash")
    near = f"{int('ab' * 32, 16) ^ 7:064x}"
    hashes = [("AB" * 32, 90), (near, 90), ("00" * 32, 20), (f"{len(seen[0]):064x}", 70)]
    return [SimpleNamespace(hex=value, quality=quality) for value, quality in hashes]
"""
INTERPRETER = """#!/bin/sh
shift 3
exec {python} -I -c 'import runpy, sys
sys.path.insert(0, "{folder}")
runpy.run_module("fanal.hashing.child", run_name="__main__")' "$@"
"""


@pytest.fixture
def videos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    """A pool on a machine that has a library of videos: the real one needs FFmpeg's own, which are not here."""
    assert not video.is_installed()
    (tmp_path / "vpdq.py").write_text(LIBRARY)
    interpreter = tmp_path / "python"
    interpreter.write_text(INTERPRETER.format(python=sys.executable, folder=tmp_path))
    for path in (tmp_path, interpreter):
        path.chmod(0o755)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "executable", str(interpreter))
    made = Pool(size=1)
    yield made
    made.stop()


def film(body: bytes) -> FileToHash:
    return asked(b"\x00\x00\x00\x18ftypisom" + body)


def test_videos_are_hashed_in_a_child_where_the_library_is_installed(
    videos: Pool, capfd: pytest.CaptureFixture[str]
) -> None:
    large, bad, small = videos.hash_files([film(b"x" * 3_000_000), film(b"damaged"), film(b"y")])
    assert videos.videos is True
    assert (large.unhashed, large.frames) == (None, ("ab" * 32, f"{3_000_012:064x}"))
    assert (bad.unhashed, bad.frames) == (Unhashed.DAMAGED, ())
    assert (small.unhashed, small.frames) == (None, ("ab" * 32, f"{13:064x}"))
    assert "words of the file" not in capfd.readouterr().err


def test_a_video_beyond_the_limit_and_a_picture_pass_through_the_same_pool(
    videos: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(videos, "limits", FileLimits(video_bytes=1000))
    film_, picture = videos.hash_files([film(b"x" * 2000), asked(encoded(PICTURE, "PNG"))])
    assert film_.unhashed is Unhashed.TOO_LARGE
    assert picture.pdq is not None


def test_a_library_that_cannot_be_loaded_costs_nothing_but_the_frames(
    videos: Pool, tmp_path: Path
) -> None:
    (tmp_path / "vpdq.py").write_text("raise ImportError('libavcodec.so.61')")
    [facts] = videos.hash_files([film(b"x")])
    assert (facts.unhashed, videos.videos) == (Unhashed.NO_PICTURE, False)
    assert facts.sha256
