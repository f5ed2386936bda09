"""Additional checks where the public validator (package `xarf` 1.0.0) is lax, for reading and writing.

The validator accepts a picture as evidence of a csam report, and `javascript:` as an address. It refuses
every `domain` with capitals, in punycode or under a top-level domain that is not all letters.
"""

import base64
import binascii
import re
from typing import Final
from urllib.parse import urlsplit

from fanal.formats.refusal import DocumentFault, FormatRefused

_TEXTS: Final = frozenset(
    {
        *("text/plain", "text/csv", "text/html", "text/markdown", "text/email"),
        *("application/json", "message/rfc822"),
    }
)
"""Media types of evidence that contain only text; a document or archive could contain a picture."""
_DOMAIN: Final = re.compile(r"([a-z0-9]+(-[a-z0-9]+)*\.)+[a-z]{2,}")
_BASE64_BLOCK: Final = re.compile(r"(?:[A-Za-z0-9+/=_-]\s?){2000,}")
_EMBEDDED: Final = re.compile(
    r"data:\s*(?:image|video|audio)/|content-type:\s*(?:image|video|audio)/", re.IGNORECASE
)
_MAX_HOST: Final = 253


def check_address(address: str, *, path: str) -> None:
    """Refuse an address that is not a web address.

    Raises:
        FormatRefused: another scheme than http and https, or no host.
    """
    try:
        parts = urlsplit(address.strip())
        host = parts.hostname
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.scheme.lower() not in {"http", "https"} or not host:
        raise FormatRefused(DocumentFault.NOT_OF_THE_WEB, path)


def writable_domain(host: str | None) -> str | None:
    """Return a host if XARF's field `domain` allows it; None for an IP address, an IDN and others."""
    plain = (host or "").lower().rstrip(".")
    if len(plain) > _MAX_HOST or "xn--" in plain or _DOMAIN.fullmatch(plain) is None:
        return None
    return plain


def text_of_evidence(content_type: str, payload: str, *, path: str) -> str:
    """Return the decoded text of a piece of evidence, from its content type and base64 payload.

    Raises:
        FormatRefused: it is, or may contain, image, video or audio; or it is not base64.
    """
    if content_type.partition(";")[0].strip().lower() not in _TEXTS:
        raise FormatRefused(DocumentFault.MEDIA_IN_EVIDENCE, path)
    try:
        words = base64.b64decode("".join(payload.split()), validate=True).decode("utf-8", "strict")
    except (binascii.Error, ValueError) as error:
        code = (
            DocumentFault.MEDIA_IN_EVIDENCE
            if isinstance(error, UnicodeError)
            else DocumentFault.WRONG_TYPE
        )
        raise FormatRefused(code, path) from error
    if "\0" in words or _EMBEDDED.search(words) or _BASE64_BLOCK.search(words):
        raise FormatRefused(DocumentFault.MEDIA_IN_EVIDENCE, path)
    return words
