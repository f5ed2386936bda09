"""Media type of a file from its first bytes (magic numbers); a sender's file name or type proves nothing.

Source of the signatures: ISO/IEC 10918-1 (JPEG), PNG specification, GIF89a, WebP container specification,
ISO/IEC 14496-12 (`ftyp`) and QuickTime before it, ISO/IEC 13818-1 (MPEG), ASF, FLV, Matroska, RIFF, PKWARE
APPNOTE, ISO 32000 (PDF).
"""

from typing import Final

HEAD: Final = 16
"""Number of bytes needed for the detection."""
PICTURES: Final = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_STARTS: Final = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"\x1aE\xdf\xa3", "video/x-matroska"),
    (b"\x00\x00\x01\xba", "video/mpeg"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video/x-ms-asf"),
    (b"FLV\x01", "video/x-flv"),
    (b"OggS", "application/ogg"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"PK\x03\x04", "application/zip"),
    (b"%PDF-", "application/pdf"),
    (b"ID3", "audio/mpeg"),
)
_RIFFS: Final = {b"WEBP": "image/webp", b"AVI ": "video/x-msvideo", b"WAVE": "audio/wav"}
_BRANDS: Final = {b"avif": "image/avif", b"heic": "image/heic", b"mif1": "image/heic"}


def media_type_of(head: bytes) -> str:
    """Return the media type (`image/png`) of a file by `head`, its first 16 bytes; "" if unknown."""
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF":
        return _RIFFS.get(head[8:12], "")
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    if head[4:8] in {b"moov", b"mdat", b"wide"}:
        return "video/quicktime"
    return ""
