"""What one request to an address of a measure showed, as text only. Pure.

No picture, video or sound is ever part of it: the connector (`connectors/looking.py`) reads a body only of
the types in `TEXT_TYPES`, and `page_source` cuts out what a text can embed.
"""

import re
from typing import Final

from msgspec import Struct

TEXT_TYPES: Final = frozenset({"text/html", "application/xhtml+xml", "text/plain"})
"""Media types whose body is read."""
_BLANK: Final = "[cut]"
_SVG = re.compile(r"<svg\b.*?(?:</svg\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_DATA = re.compile(
    r"""(["'])\s*data\s*:.*?(?:\1|\Z)|data\s*:[^\s"'<>)]*""", re.IGNORECASE | re.DOTALL
)
_LETTER: Final = r"[A-Za-z0-9+/_=-]"
_RUN = re.compile(
    rf"(?<!{_LETTER})(?:{_LETTER}|%[0-9A-Fa-f]{{2}}|\\x[0-9A-Fa-f]{{2}}|&#\w{{1,6}};){{256,}}+"
)
_LINES = re.compile(rf"(?<!{_LETTER})(?:{_LETTER}{{40,}}+[\s\\]++){{4,}}+")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_ODD: Final = 4
"""Most control characters of a text; a file of another type has far more."""
_SIGNATURES: Final = (
    b"\xff\xd8\xff",
    b"\x89PNG",
    b"GIF8",
    b"RIFF",
    b"%PDF",
    b"PK\x03\x04",
    b"\x1f\x8b",
)


class TlsFacts(Struct, frozen=True, kw_only=True):
    """The TLS facts of a connection: version, cipher suite, and of the server's certificate its SHA-256
    (hexadecimal), subject, issuer, names and period as the certificate states them.
    """

    version: str
    cipher: str
    certificate_sha256: str
    subject: str = ""
    issuer: str = ""
    names: tuple[str, ...] = ()
    not_before: str = ""
    not_after: str = ""


class Sight(Struct, frozen=True, kw_only=True):
    """The response to one GET request, of any status, or the fault that left none.

    `fault` is "" if a response arrived, else a code of `connectors.outside.OutsideRefused`; the other fields
    then have their defaults. `addresses` are those that the name had, `peer` the one that answered. `headers`
    are those of the response in their order, names in lower case. `source` is the body of a text as
    `page_source` returns it, "" if none was read; `unread` is why not all of it was read: "" (all was),
    NOT_TEXT (another type, stated or found), ENCODED (compressed although it was not asked), TRUNCATED
    (longer than the limit), INCOMPLETE (the connection ended first). `sha256` is the hexadecimal SHA-256 of
    the body as it came, "" unless all of it was read.
    """

    url: str
    fault: str = ""
    addresses: tuple[str, ...] = ()
    peer: str = ""
    tls: TlsFacts | None = None
    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    source: str = ""
    unread: str = ""
    sha256: str = ""

    def header(self, name: str) -> str:
        """Return the first header of this name (lower case), or ""."""
        return next((value for key, value in self.headers if key == name), "")


def is_text_type(content_type: str) -> bool:
    """Return whether a body of this Content-Type is read: one of `TEXT_TYPES`, stated by the server."""
    return content_type.partition(";")[0].strip().lower() in TEXT_TYPES


def is_text(body: bytes) -> bool:
    """Return whether bytes are a text, whatever type the server stated."""
    if body.lstrip().startswith(_SIGNATURES) or body[4:8] == b"ftyp":
        return False
    return (
        body.startswith((b"\xff\xfe", b"\xfe\xff"))
        or len(_CONTROL.findall(_decoded(body, ""))) <= _ODD
    )


def page_source(body: bytes, *, content_type: str) -> str:
    """Return a text without what it embeds: `data:` addresses, drawings (`svg`) and long encoded values.

    The charset is that of `content_type`, else UTF-8; a character that it does not have is replaced.
    """
    _, _, charset = content_type.lower().partition("charset=")
    text = _decoded(body, charset.strip("\"' ;").partition(";")[0])
    for pattern in (_SVG, _DATA, _RUN, _LINES):
        text = pattern.sub(_BLANK, text)
    return text


def _decoded(body: bytes, charset: str) -> str:
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        charset = "utf-16"
    try:
        return body.decode(charset or "utf-8", errors="replace")
    except (LookupError, ValueError):
        return body.decode("utf-8", errors="replace")
