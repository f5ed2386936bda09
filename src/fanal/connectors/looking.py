"""One request to an address of a measure: what its server answers, as text only.

Nothing that a page embeds is loaded and no redirect is followed: the caller judges each hop. A body is read
only if the server states a text type, and kept only if it is one.
"""

import hashlib
import http.client
import ssl
import time
from contextlib import closing
from typing import Final, cast
from urllib.parse import urlsplit

from fanal.connectors.outside import AGENT, Door, OutsideRefused, PinnedConnection, refused
from fanal.harmonise.domain.values.urls import read_url
from fanal.measures.recheck.sight import Sight, TlsFacts, is_text, is_text_type, page_source

LIMIT: Final = 1_000_000
"""Most bytes of a body that are read."""
_BLOCK: Final = 1 << 14
_HEADER_CHARACTERS: Final = 2_000
_Name = tuple[tuple[tuple[str, str], ...], ...]
"""A distinguished name as `ssl` gives it."""
_HEADERS: Final = {
    "User-Agent": AGENT,
    "Accept": "text/html, application/xhtml+xml, text/plain",
    "Accept-Encoding": "identity",
    "Connection": "close",
}


def look(door: Door, url: str, *, limit: int = LIMIT) -> Sight:
    """Return what one GET request for `url` shows, within the time of `door`; never raise.

    `limit` is the most bytes of a body that are read. Plain http is asked as https is. A fault is a code of
    `OutsideRefused` (ADDRESS, AWAY, TLS, TIMEOUT, PROTOCOL), or ONION, a name that only Tor resolves.
    """
    address = read_url(url)
    if address.canonical is None or address.scheme not in {"http", "https"}:
        return Sight(url=url, fault="ADDRESS")
    if address.onion is not None:
        return Sight(url=url, fault="ONION")
    try:
        return _look(door, url, address.canonical, limit=limit)
    except OutsideRefused as failure:
        return Sight(url=url, fault=failure.code)


def _look(door: Door, url: str, canonical: str, *, limit: int) -> Sight:
    ends = time.monotonic() + door.seconds
    parts = urlsplit(canonical)
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    addresses = list(door.addresses(host, port, plain=True))
    path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    connection = PinnedConnection(host, port, addresses, secure=secure, ends=ends)
    with refused(ends), closing(connection), connection.cut_at(ends):
        connection.connect()
        line = connection.sock
        peer = str(line.getpeername()[0])
        tls = _tls_facts(line) if isinstance(line, ssl.SSLSocket) else None
        connection.request("GET", path, headers=_HEADERS)
        answer = connection.getresponse()
        body, unread = _body(answer, limit=limit)
        unread = unread or ("INCOMPLETE" if time.monotonic() >= ends else "")
    content_type = answer.getheader("Content-Type") or ""
    return Sight(
        url=url,
        addresses=tuple(addresses),
        peer=peer,
        tls=tls,
        status=answer.status,
        headers=tuple((k.lower(), v[:_HEADER_CHARACTERS]) for k, v in answer.getheaders()),
        source=page_source(body, content_type=content_type),
        unread=unread,
        sha256="" if unread else hashlib.sha256(body).hexdigest(),
    )


def _body(answer: http.client.HTTPResponse, *, limit: int) -> tuple[bytes, str]:
    """Return the bytes of a text body, and why not all of it was read (`Sight.unread`)."""
    if answer.length == 0:
        return b"", ""
    if (answer.getheader("Content-Encoding") or "identity").strip().lower() != "identity":
        return b"", "ENCODED"
    if not is_text_type(answer.getheader("Content-Type") or ""):
        return b"", "NOT_TEXT"
    read, unread = _read(answer, limit=limit)
    return (read, unread) if is_text(read) else (b"", "NOT_TEXT")


def _read(answer: http.client.HTTPResponse, *, limit: int) -> tuple[bytes, str]:
    """Return at most `limit` bytes of a body, as long as its beginning is a text."""
    read = bytearray()
    try:
        while block := answer.read1(_BLOCK):
            read += block
            if len(read) == len(block) and not is_text(block):
                break
            if len(read) > limit:
                return bytes(read[:limit]), "TRUNCATED"
    except (http.client.HTTPException, OSError):
        return bytes(read), "INCOMPLETE"
    return bytes(read), "INCOMPLETE" if answer.length else ""


def _tls_facts(line: ssl.SSLSocket) -> TlsFacts:
    stated = line.getpeercert() or {}
    cipher = line.cipher()
    return TlsFacts(
        version=line.version() or "",
        cipher=cipher[0] if cipher else "",
        certificate_sha256=hashlib.sha256(line.getpeercert(binary_form=True) or b"").hexdigest(),
        subject=_named(cast("_Name", stated.get("subject", ()))),
        issuer=_named(cast("_Name", stated.get("issuer", ()))),
        names=tuple(str(pair[1]) for pair in stated.get("subjectAltName", ()))[:100],
        not_before=str(stated.get("notBefore", "")),
        not_after=str(stated.get("notAfter", "")),
    )


def _named(name: _Name) -> str:
    return ", ".join(f"{key}={value}" for part in name for key, value in part)[:500]
