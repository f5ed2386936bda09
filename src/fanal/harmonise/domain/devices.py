"""Device identifiers: advertising ids, hardware addresses, IMEI; anything else as written."""

import re
import unicodedata

_UUID = re.compile(r"\{?([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})\}?", re.IGNORECASE)
_MAC = re.compile(
    r"(?:[0-9a-f]{2}[:\-]){5}[0-9a-f]{2}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}", re.IGNORECASE
)
_IMEI = re.compile(r"(?:\d[ \-]?){14}\d")
_GAPS = re.compile(r"\s+")
_LONGEST = 512


def read_device(text: str) -> str | None:
    """Return the canonical form of a device identifier, or None for a blank or overlong text."""
    if len(text) == 15 and text.isascii() and text.isdigit():  # a plain IMEI
        return text
    plain = _GAPS.sub(" ", unicodedata.normalize("NFC", text)).strip()
    if not plain or len(plain) > _LONGEST:
        return None
    uuid = _UUID.fullmatch(plain)
    if uuid is not None:
        return uuid.group(1).lower()
    if _MAC.fullmatch(plain) is not None:
        digits = re.sub(r"[:.\-]", "", plain).lower()
        return ":".join(digits[i : i + 2] for i in range(0, 12, 2))
    if _IMEI.fullmatch(plain) is not None and plain.isascii():
        return re.sub(r"[ \-]", "", plain)
    return plain
