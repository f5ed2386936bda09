"""ZIP packages for the tests, made as they run: good ones, and those that would harm."""

import io
import stat
import zipfile
from collections.abc import Mapping

import msgspec


def zipped(files: Mapping[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a package of files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo("x", (2026, 11, 1, 12, 0, 0))
            info.filename, info.compress_type = name, method
            info.external_attr = (stat.S_IFREG | 0o600) << 16
            archive.writestr(info, content)
    return out.getvalue()


def export(number: int, *files: dict[str, object]) -> bytes:
    """Return a law-enforcement document that lists files."""
    tree = {
        "reportId": number,
        "reportedInformation": {
            "incidentSummary": {"incidentType": "Apparent Child Pornography"},
            "uploadedFiles": {"uploadedFiles": list(files)},
        },
    }
    return b"\xef\xbb\xbf" + msgspec.json.encode(tree)


def linked() -> bytes:
    """Return a package that holds a symbolic link."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("1.json", export(1))
        info = zipfile.ZipInfo("link")
        info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    return out.getvalue()


def marked(package: bytes, *, flags: int) -> bytes:
    """Return a package whose entries carry these flags, in the list of files and before each file."""
    data = bytearray(package)
    for mark, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        place = data.find(mark)
        while place >= 0:
            data[place + offset] |= flags & 0xFF
            data[place + offset + 1] |= flags >> 8
            place = data.find(mark, place + 4)
    return bytes(data)


def overlapping() -> bytes:
    """Return a package whose entries all share the bytes of one."""
    package = bytearray(zipped({"a.json": export(1), "b.bin": b"b" * 50, "c.bin": b"c" * 50}))
    place = package.find(b"PK\x01\x02")
    while place >= 0:
        package[place + 42 : place + 46] = bytes(4)
        place = package.find(b"PK\x01\x02", place + 4)
    return bytes(package)


def damaged(package: bytes, content: bytes) -> bytes:
    """Return a stored package in which one byte of `content` is another."""
    place = package.index(content)
    return package[:place] + bytes([content[0] ^ 1]) + package[place + 1 :]
