"""Safe reading of ZIP packages from outside: all entries are checked before any byte is unpacked.

No file is ever written under a name from a package, and no package inside a package is opened.
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
"""Maximum bytes of one unpacked file, as in the vault."""
MAX_TOTAL: Final = 50 * 1024**3
MAX_RATIO: Final = 200
"""Maximum compression ratio of a file; deflate alone reaches 1032."""
_SMALL: Final = 1_000_000
"""Bytes below which the compression ratio of a file is not checked."""
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
    """A file of a package: its name with `/` between folders, its unpacked size and CRC-32."""

    name: str
    size: int
    crc: int

    @property
    def folder(self) -> str:
        """The folder of the file, empty at the top level."""
        return self.name.rpartition("/")[0]

    @property
    def base_name(self) -> str:
        """The file's name without its folders."""
        return self.name.rpartition("/")[2]

    @property
    def is_package(self) -> bool:
        """Whether the file's name has the suffix of a package (archive)."""
        return self.name.lower().endswith(_PACKAGES)


class ZipPackage:
    """An open ZIP package and its files (`members`); the caller owns the stream and keeps it open."""

    def __init__(self, stream: IO[bytes]) -> None:
        """Open a package and check its complete list of entries before any byte is unpacked.

        Raises:
            FormatRefused: not a ZIP file, or a dangerous one; the code names the reason.
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
        """Yield the bytes of a file in pieces; its length and CRC are verified at the end.

        Raises:
            FormatRefused: the bytes differ from the length or CRC in the list of entries.
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
        """Return the unpacked bytes of a file of the package.

        Raises:
            FormatRefused: it is larger than `limit` bytes, or damaged.
        """
        if member.size > limit:
            raise FormatRefused(DocumentFault.TOO_LARGE, member.name, parameters={"limit": limit})
        return b"".join(self.chunks(member))

    def prove(self) -> None:
        """Unpack every file of the package to verify length and CRC, without keeping its bytes.

        Raises:
            FormatRefused: a file is damaged.
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
    """Return whether the first bytes of a file (4 or more) are those of a ZIP package."""
    return head.startswith(_MARK)


def _safe_name(entry: zipfile.ZipInfo) -> str:
    """Return the path of a file in a ZIP archive with `/` between folders.

    Raises:
        FormatRefused: the path leads out of the package, or is not a valid file name.
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
    """Return whether an entry of a ZIP archive is a link, a device or a socket, not a file or folder."""
    kind = stat.S_IFMT(entry.external_attr >> 16)
    return kind not in {0, stat.S_IFREG, stat.S_IFDIR}


def _refuse_overlaps(entries: list[zipfile.ZipInfo], *, end: int) -> None:
    """Refuse overlapping entries: a ZIP bomb that the compression ratio of each file does not reveal.

    `end` is the offset of the central directory, the list of entries at the end of the package.

    Raises:
        FormatRefused: two entries overlap, or an entry extends into the central directory.
    """
    reached = 0
    for entry in sorted(entries, key=lambda e: e.header_offset):
        if entry.header_offset < reached:
            raise FormatRefused(DocumentFault.BOMB, ascii(entry.filename[:100])[1:-1])
        reached = entry.header_offset + _LOCAL_HEADER + entry.compress_size
    if reached > end:
        raise FormatRefused(DocumentFault.BOMB)
