"""The record of a recheck as a WARC file (ISO 28500): what was asked and what was seen, as text. Pure.

For each request a `response` record has the status and headers, without the body; a `conversion` record has
the text of the page, without what it embeds; a `metadata` record has the facts of the connection. It is
written here, in memory: a library that spills records to temporary files would leave the text of a page
outside the vault.
"""

import hashlib
from base64 import b32encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid5

import msgspec
from msgspec import Struct

from fanal.measures.recheck.sight import Sight, TlsFacts

_SPACE: Final = UUID("5f0a6f4e-7d0e-5f0e-9a51-3c2f6a3d7b10")
_INFO: Final = b"software: fanal\r\nformat: WARC File Format 1.0\r\ndescription: text only\r\n"
_HTTP: Final = "application/http; msgtype=response"


class _Facts(Struct, frozen=True, kw_only=True):
    """The facts of a request that no WARC header states, as JSON in its `metadata` record."""

    fault: str
    addresses: tuple[str, ...]
    peer: str
    tls: TlsFacts | None
    unread: str
    sha256: str


def write_warc(sights: Sequence[Sight], *, recheck_id: UUID, at: datetime) -> bytes:
    """Return the WARC file of the requests of one recheck; the same arguments give the same bytes.

    `recheck_id` is the id of the recheck, from which those of the records derive; `at` its instant.
    """
    date = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def record(kind: str, name: str, content: bytes, more: Mapping[str, str]) -> bytes:
        headers = {
            "WARC-Type": kind,
            "WARC-Record-ID": _record_id(recheck_id, name),
            "WARC-Date": date,
            "WARC-Block-Digest": f"sha256:{b32encode(hashlib.sha256(content).digest()).decode()}",
            **more,
            "Content-Length": str(len(content)),
        }
        head = "".join(f"{key}: {_line(value)}\r\n" for key, value in headers.items())
        return f"WARC/1.0\r\n{head}\r\n".encode() + content + b"\r\n\r\n"

    records = [record("warcinfo", "info", _INFO, {"Content-Type": "application/warc-fields"})]
    for number, sight in enumerate(sights):
        of, response = {"WARC-Target-URI": sight.url}, _record_id(recheck_id, f"response {number}")
        if not sight.fault:
            peer = {
                "WARC-IP-Address": sight.peer,
                "Content-Type": _HTTP,
                "WARC-Truncated": "unspecified",
            }
            records.append(record("response", f"response {number}", _http(sight), of | peer))
        if sight.source:
            text = {"WARC-Refers-To": response, "Content-Type": "text/plain; charset=utf-8"}
            content = sight.source.encode(errors="replace")
            records.append(record("conversion", f"text {number}", content, of | text))
        about = {"Content-Type": "application/json"}
        if not sight.fault:
            about["WARC-Concurrent-To"] = response
        records.append(record("metadata", f"facts {number}", _facts(sight), of | about))
    return b"".join(records)


def _facts(sight: Sight) -> bytes:
    return msgspec.json.encode(
        _Facts(
            fault=sight.fault,
            addresses=sight.addresses,
            peer=sight.peer,
            tls=sight.tls,
            unread=sight.unread,
            sha256=sight.sha256,
        )
    )


def _http(sight: Sight) -> bytes:
    """Return the status line and headers of a response."""
    first = f"HTTP/1.1 {sight.status} "  # the phrase says nothing that the status does not
    lines = (first, *(f"{key}: {_line(value)}" for key, value in sight.headers), "", "")
    return "\r\n".join(lines).encode(errors="replace")


def _record_id(recheck_id: UUID, name: str) -> str:
    return f"<urn:uuid:{uuid5(_SPACE, f'{recheck_id} {name}')}>"


def _line(value: str) -> str:
    """Return a value as a header of one line may state it."""
    return "".join(one if one.isprintable() else "_" for one in value)
