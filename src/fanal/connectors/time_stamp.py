"""Time stamps of a time-stamping authority (RFC 3161): only a digest of what is stamped leaves.

A stamp is kept as the authority's whole response (DER), verified before it is kept. With a qualified
authority it has the presumption of Regulation (EU) 910/2014, article 41.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from fanal.connectors.outside import Door, OutsideRefused

_LIMIT: Final = 100_000
_HEADERS: Final = {
    "Content-Type": "application/timestamp-query",
    "Accept": "application/timestamp-reply",
}


class StampRefused(Exception):
    """Error: no time stamp that may be kept; `code` is the reason.

    AWAY (a fault of the connection), UNREADABLE (no response of RFC 3161), UNVERIFIED (not granted, of
    another text, or by nobody whom the roots vouch for).
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class StampAuthority:
    """A time-stamping authority: its https address, and the root certificates that vouch for it."""

    url: str
    roots: tuple[x509.Certificate, ...]

    def stamp(self, door: Door, content: bytes) -> bytes:
        """Return the authority's verified response (DER) on `content`, of which only the SHA-256 is sent.

        Raises:
            StampRefused: AWAY, UNREADABLE or UNVERIFIED.
        """
        request = (
            TimestampRequestBuilder().data(content).hash_algorithm(HashAlgorithm.SHA256).build()
        )
        try:
            answer = door.post(self.url, headers=_HEADERS, body=request.as_bytes(), limit=_LIMIT)
        except OutsideRefused:
            raise StampRefused("AWAY") from None
        self.verify(answer.body, content=content, nonce=request.nonce)
        return answer.body

    def verify(self, stamp: bytes, *, content: bytes, nonce: int | None = None) -> datetime:
        """Return the instant that a stamp proves for `content`; `nonce` is the request's, if known.

        Raises:
            StampRefused: UNREADABLE or UNVERIFIED.
        """
        builder = VerifierBuilder(roots=list(self.roots), nonce=nonce)
        try:
            response = decode_timestamp_response(stamp)
            builder.build().verify(response, hashlib.sha256(content).digest())
        except VerificationError:
            raise StampRefused("UNVERIFIED") from None
        except ValueError:
            raise StampRefused("UNREADABLE") from None
        return response.tst_info.gen_time


def read_authority(url: str, roots: Path) -> StampAuthority:
    """Return the time-stamping authority at `url`, whose root certificates are in the file `roots` (PEM).

    Raises:
        OSError: the file cannot be read.
        ValueError: it has no certificate.
    """
    return StampAuthority(url=url, roots=tuple(x509.load_pem_x509_certificates(roots.read_bytes())))
