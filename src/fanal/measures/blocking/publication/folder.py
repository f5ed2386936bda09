"""The folder in which versions of the blocking list are published: writing, verification, pruning.

A version is written into a folder of its own and moved to its name; the link `latest` then changes in one
step. A process may die at any instant: a partial version under another name is removed by the next process.
"""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from fanal.ledger.domain.checkpoint import NoteKey
from fanal.measures.blocking.blocklist import (
    BlockList,
    ListManifest,
    ListWrong,
    ManifestRefused,
    check_digest,
    check_file,
    open_manifest,
    read_written,
)
from fanal.measures.blocking.formats import (
    DELTA_FILE,
    FORMATS,
    apply_delta,
    ends_of,
    read_json,
    write_delta,
    write_file,
)

LATEST = "latest"
OPENING_FILE = "opening.json"
"""What opens the commitment to the version in the transparency log, one JSON object."""
_LOCK = ".lock"
_PARTIAL = ".partial"
_JSON = FORMATS["json"].file
_SUFFIX = ".manifest.json"
Signer = Callable[[BlockList, str, bytes], bytes]
"""Returns the signed manifest of a file of a list: the list, the file's name, its bytes."""


class FolderRefused(Exception):
    """Error: a published folder differs from its manifests, or has expired; the message names the file."""


class _Ends(Struct, frozen=True):
    expires_at: str


class Verified(Struct, frozen=True, kw_only=True):
    """The result of verifying a published folder: its newest version (`block`) and the names of its files.

    `delta` is whether a delta file was verified too.
    """

    block: BlockList
    delta: bool
    files: tuple[str, ...]


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold an exclusive file lock on the folder of published lists; create the folder if it is missing.

    Raises:
        OSError: it cannot be created or written.
    """
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    with open(folder / _LOCK, "ab", opener=_shared) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def known_serials(folder: Path, *, keys: Iterable[NoteKey]) -> set[int]:
    """Return the serials of the versions in a folder that have a manifest signed by one of `keys`."""
    trusted, found = tuple(keys), set()
    for path in folder.glob(f"*/*{_SUFFIX}"):
        with contextlib.suppress(ManifestRefused, OSError):
            found.add(open_manifest(path.read_bytes(), keys=trusted).serial)
    return found


def read_latest(folder: Path, *, keys: Iterable[NoteKey]) -> BlockList | None:
    """Return the newest version of the list in a folder, expired or not.

    None if there is none, or if its manifest is not signed by one of `keys` or disagrees with the file.
    """
    return _read_version(folder / LATEST, tuple(keys))


def write_version(
    folder: Path,
    block: BlockList,
    *,
    before: BlockList | None,
    sign: Signer,
    opening: bytes | None = None,
    now: datetime,
) -> None:
    """Publish a version of the blocking list in a folder, then remove outdated versions.

    Its files and signed manifests (by `sign`) are written, with the delta from the version `before`
    and the file `OPENING_FILE` of the content `opening`; then the link `latest` is moved. The caller holds
    the folder (`locked`).

    Raises:
        ValueError: a name is not in the form that `names.read_name` returns.
        ListWrong: a written file differs from the list (programming error).
        OSError: the folder cannot be written; `latest` is the earlier version.
    """
    partial = folder / f"{block.serial}{_PARTIAL}"
    for path in folder.glob(f"*{_PARTIAL}"):
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    partial.mkdir(mode=0o750)
    for form in FORMATS.values():
        _put(partial, block, form.file, write_file(block, form), sign)
    if before is not None:
        _put(partial, block, DELTA_FILE, write_delta(before, block), sign)
    if opening is not None:
        _write(partial / OPENING_FILE, opening)
    _sync(partial)
    partial.rename(folder / str(block.serial))
    link = folder / f"{LATEST}{_PARTIAL}"
    link.symlink_to(str(block.serial))
    link.replace(folder / LATEST)
    _sync(folder)
    _prune(folder, newest=block.serial, before=before.serial if before else None, now=now)


def verify_folder(
    folder: Path, *, keys: Iterable[NoteKey], now: datetime, loaded: Iterable[int] = ()
) -> Verified:
    """Verify the newest version in a folder: signatures, digests, expiry, and that all formats agree.

    If the folder still has the previous version completely, the delta is applied to it and compared too.
    `loaded` are the serials of lists used before, none of which may be later. Only the folder and the keys
    are needed.

    Raises:
        FolderRefused: the message names the file and says what is wrong.
    """
    trusted, place, used = tuple(keys), (folder / LATEST).resolve(), tuple(loaded)
    block: BlockList | None = None
    for form in (FORMATS["json"], *FORMATS.values()):
        with _told(form.file):
            content, manifest = _opened(place, form.file, trusted)
            check_file(manifest, file=form.file, content=content, now=now, loaded=used)
            block = read_json(content) if block is None else block
            _check_stated(manifest, block)
            form.check(content, block)
    if block is None:
        raise FolderRefused("no format")
    files = [form.file for form in FORMATS.values()]
    has_delta = (place / DELTA_FILE).exists()
    if has_delta:
        with _told(DELTA_FILE):
            content, manifest = _opened(place, DELTA_FILE, trusted)
            check_file(manifest, file=DELTA_FILE, content=content, now=now, loaded=used)
            _check_stated(manifest, block)
            _check_delta(folder, content, block, trusted)
    return Verified(
        block=block, delta=has_delta, files=(*files, *([DELTA_FILE] if has_delta else []))
    )


def _check_stated(manifest: ListManifest, block: BlockList) -> None:
    """Check that the manifest of a file is of this version."""
    if (manifest.serial, manifest.entries) != (block.serial, len(block.entries)):
        raise ManifestRefused("the manifest states another list")
    if read_written(manifest.expires_at) != block.expires_at:
        raise ManifestRefused("the manifest states another expiry")


def _check_delta(folder: Path, content: bytes, block: BlockList, keys: tuple[NoteKey, ...]) -> None:
    """Check that the delta leads to the newest version, from that which it names if it is there whole."""
    ends = ends_of(content)
    if ends.serial != block.serial:
        raise ListWrong(f"it leads to {ends.serial}")
    before = _read_version(folder / str(ends.from_serial), keys)
    if before is not None and apply_delta(before, content) != block:
        raise ListWrong("it does not lead to the newest list")


def _read_version(place: Path, keys: tuple[NoteKey, ...]) -> BlockList | None:
    try:
        content, manifest = _opened(place, _JSON, keys)
        check_digest(manifest, file=_JSON, content=content)
        block = read_json(content)
    except (ManifestRefused, ListWrong, OSError):
        return None
    return block if block.serial == manifest.serial else None


def _opened(place: Path, file: str, keys: tuple[NoteKey, ...]) -> tuple[bytes, ListManifest]:
    """Return a file and its manifest, whose signature was verified; the digest was not.

    Raises:
        ManifestRefused: the manifest is malformed, or not signed by one of `keys`.
        OSError: one of the two cannot be read.
    """
    manifest = open_manifest((place / f"{file}{_SUFFIX}").read_bytes(), keys=keys)
    return (place / file).read_bytes(), manifest


def _put(place: Path, block: BlockList, file: str, content: bytes, sign: Signer) -> None:
    """Write a file of a version, then its manifest."""
    for name, body in ((file, content), (f"{file}{_SUFFIX}", sign(block, file, content))):
        _write(place / name, body)


def _write(path: Path, content: bytes) -> None:
    with open(path, "xb", opener=_shared) as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _prune(folder: Path, *, newest: int, before: int | None, now: datetime) -> None:
    """Remove all but deltas from versions older than `before`, and those whose list has expired."""
    for place in folder.iterdir():
        if not place.name.isdecimal() or int(place.name) in {newest, before}:
            continue
        try:
            ends = read_written(_delta_end(place))
        except (ListWrong, OSError, ValueError):
            ends = now
        if ends <= now:
            shutil.rmtree(place)
            continue
        for path in place.iterdir():
            if not path.name.startswith(DELTA_FILE):
                path.unlink()


def _delta_end(place: Path) -> str:
    """Return the end of the list to which the delta of a version leads, as its manifest states it.

    Nothing but its removal depends on it: the signature is not verified.

    Raises:
        ValueError: the manifest is damaged.
    """
    manifest = (place / f"{DELTA_FILE}{_SUFFIX}").read_bytes()
    return msgspec.json.decode(manifest, type=_Ends).expires_at


def _shared(path: str, flags: int) -> int:
    """Open a file, with mode 0640 if it is new: the group's web server reads it."""
    return os.open(path, flags, 0o640)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _told(file: str) -> Iterator[None]:
    try:
        yield
    except (ManifestRefused, ListWrong) as error:
        raise FolderRefused(f"{file}: {error}") from None
    except OSError as error:
        raise FolderRefused(f"{file}: {error.strerror}") from None
