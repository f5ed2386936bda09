"""ZIP packages from outside, opened with distrust: looked over as a whole before one byte is read.

Nothing is ever written under a name that a package chose, and no package inside a package is opened.
"""

import re
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, Final

from msgspec import Struct

from fanal.formats.refusal import DocumentFault, FormatRefused

MAX_ENTRIES: Final = 10_000
MAX_MEMBER: Final = 500 * 1024 * 1024
"""Bytes of one file when unpacked: what the vault takes."""
MAX_TOTAL: Final = 50 * 1024**3
MAX_RATIO: Final = 200
"""How many times larger than its packed form a file may be; deflate alone reaches 1032."""
_SMALL: Final = 1_000_000
"""Bytes below which the ratio of a file says nothing."""
_MAX_NAME: Final = 1_000
_PIECE: Final = 256 * 1024
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED: Final = 0x1 | 0x40 | 0x2000
_LOCAL_HEADER: Final = 30
"""Bytes of the fixed part of a local header (APPNOTE 4.3.7)."""
_DRIVE: Final = re.compile(r"[A-Za-z]:")
_PACKAGES: Final = (".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".cab")
_MARK: Final = b"PK\x03\x04"


class PackageFile(Struct, frozen=True):
    """A file of a package: its name with `/` between folders, its size and CRC-32 when unpacked."""

    name: str
    size: int
    crc: int

    @property
    def folder(self) -> str:
        """Return the folder that holds the file, empty at the top."""
        return self.name.rpartition("/")[0]

    @property
    def base_name(self) -> str:
        """Return the file's own name."""
        return self.name.rpartition("/")[2]

    @property
    def is_package(self) -> bool:
        """Return whether the file's name says that it is a package itself."""
        return self.name.lower().endswith(_PACKAGES)


class ZipPackage:
    """An open package. Its stream stays the caller's, and stays open while files are read."""

    def __init__(self, stream: IO[bytes]) -> None:
        """Look the whole list of files over.

        Raises:
            FormatRefused: no ZIP file, or one that could harm: its code says how.
        """
        try:
            self._archive = zipfile.ZipFile(stream)
            entries = self._archive.infolist()
        except (zipfile.BadZipFile, RuntimeError, ValueError, OSError) as error:
            raise FormatRefused(DocumentFault.MALFORMED) from error
        if len(entries) > MAX_ENTRIES:
            raise FormatRefused(DocumentFault.TOO_MANY_FILES, parameters={"limit": MAX_ENTRIES})
        self._entries: dict[str, zipfile.ZipInfo] = {}
        self._folded: set[str] = set()
        for entry in entries:
            self._add(entry)
        if sum(entry.file_size for entry in self._entries.values()) > MAX_TOTAL:
            raise FormatRefused(DocumentFault.BOMB, parameters={"limit": MAX_TOTAL})
        _refuse_overlaps(entries, end=self._archive.start_dir)
        self.members = tuple(
            PackageFile(name, entry.file_size, entry.CRC) for name, entry in self._entries.items()
        )

    def chunks(self, member: PackageFile) -> Iterator[bytes]:
        """Yield the bytes of a file in pieces; its length and CRC are proved at the end.

        Raises:
            FormatRefused: the bytes are not those that the list of files announced.
        """
        try:
            with self._archive.open(self._entries[member.name]) as unpacked:
                while piece := unpacked.read(_PIECE):
                    yield piece
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            RuntimeError,
        ) as error:
            raise FormatRefused(DocumentFault.MALFORMED, member.name) from error

    def read(self, member: PackageFile, *, limit: int) -> bytes:
        """Return a file of at most `limit` bytes.

        Raises:
            FormatRefused: it is larger, or damaged.
        """
        if member.size > limit:
            raise FormatRefused(DocumentFault.TOO_LARGE, member.name, parameters={"limit": limit})
        return b"".join(self.chunks(member))

    def prove(self) -> None:
        """Unpack every file and forget it.

        Raises:
            FormatRefused: one is damaged.
        """
        for member in self.members:
            for _ in self.chunks(member):
                pass

    def _add(self, entry: zipfile.ZipInfo) -> None:
        name = _safe_name(entry)
        if entry.flag_bits & _ENCRYPTED:
            raise FormatRefused(DocumentFault.ENCRYPTED, name)
        if _is_special(entry):
            raise FormatRefused(DocumentFault.LINK, name)
        if entry.is_dir():
            return
        folded = unicodedata.normalize("NFC", name).casefold()
        if folded in self._folded:
            raise FormatRefused(DocumentFault.DUPLICATE_NAME, name)
        self._folded.add(folded)
        if entry.compress_type not in _METHODS:
            raise FormatRefused(DocumentFault.UNKNOWN_COMPRESSION, name)
        if entry.file_size > MAX_MEMBER:
            raise FormatRefused(DocumentFault.TOO_LARGE, name, parameters={"limit": MAX_MEMBER})
        if entry.file_size > _SMALL and entry.file_size > MAX_RATIO * entry.compress_size:
            raise FormatRefused(DocumentFault.BOMB, name, parameters={"limit": MAX_RATIO})
        self._entries[name] = entry


def is_package(head: bytes) -> bool:
    """Return whether a file begins as a ZIP package does."""
    return head.startswith(_MARK)


def _safe_name(entry: zipfile.ZipInfo) -> str:
    """Return an entry's name with `/` between folders.

    Raises:
        FormatRefused: it leaves the package, or no file could be called so.
    """
    raw = entry.orig_filename
    name = raw.replace("\\", "/")
    parts = name.removesuffix("/").split("/")
    if (
        len(raw) > _MAX_NAME
        or not name.strip("/ ")
        or name.startswith("/")
        or _DRIVE.match(name) is not None
        or any(part in {"", ".", ".."} for part in parts)
        or any(unicodedata.category(character)[0] == "C" for character in raw)
    ):
        raise FormatRefused(DocumentFault.UNSAFE_NAME, ascii(raw[:100])[1:-1])
    return name


def _is_special(entry: zipfile.ZipInfo) -> bool:
    """Return whether an entry is a link, a device or a socket rather than a file or folder."""
    kind = stat.S_IFMT(entry.external_attr >> 16)
    return kind not in {0, stat.S_IFREG, stat.S_IFDIR}


def _refuse_overlaps(entries: list[zipfile.ZipInfo], *, end: int) -> None:
    """Refuse entries that share bytes: a bomb that each file's ratio does not show.

    Raises:
        FormatRefused: two entries overlap, or one reaches into the list of files.
    """
    reached = 0
    for entry in sorted(entries, key=lambda e: e.header_offset):
        if entry.header_offset < reached:
            raise FormatRefused(DocumentFault.BOMB, ascii(entry.filename[:100])[1:-1])
        reached = entry.header_offset + _LOCAL_HEADER + entry.compress_size
    if reached > end:
        raise FormatRefused(DocumentFault.BOMB)
