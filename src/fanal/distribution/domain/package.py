"""A package for another desk: what it holds, sealed to that desk's age key. Pure.

Inside the age file is a ZIP of `manifest.json` and `reports.jsonl`: the report format as desks write it, one
a line, associated accounts included, so that `fanal import jsonl` reads it.
The manifest carries a token that only whoever opens the package can know: the acknowledgement quotes it.
"""

import hashlib
import hmac
import io
import zipfile
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
import pyrage
from msgspec import Struct

from fanal.formats.report.records import PersonRole, Report

_MANIFEST, _REPORTS = "manifest.json", "reports.jsonl"
MAXIMUM_BYTES = 200_000_000
_WHEN = (1980, 1, 1, 0, 0, 0)


class PackageRefused(ValueError):
    """A package or a key cannot be used; the text is a code: KEY, SEALED_FOR_ANOTHER, NO_PACKAGE, CHANGED."""


class Manifest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a package says of itself."""

    schema: int
    package: UUID
    sender: str
    recipient: str
    made_at: datetime
    reports: int
    sha256: str
    instruction: UUID
    token: str


class Acknowledgement(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the recipient answers: which package, when it was opened, and its token."""

    package: UUID
    opened_at: datetime
    reports: int
    token: str


def check_key(key: str) -> str:
    """Return an age recipient (`age1…`) as it is stored.

    Raises:
        PackageRefused: KEY, it is none.
    """
    try:
        pyrage.x25519.Recipient.from_str(key.strip())
    except pyrage.RecipientError:
        raise PackageRefused("KEY") from None
    return key.strip()


def seal(manifest: Manifest, lines: Sequence[bytes], *, key: str) -> bytes:
    """Return the sealed package; `lines` are reports as JSON, `manifest.sha256` is worked out here."""
    body = b"".join(line + b"\n" for line in lines)
    told = msgspec.structs.replace(
        manifest, sha256=hashlib.sha256(body).hexdigest(), reports=len(lines)
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(_MANIFEST, _WHEN), msgspec.json.encode(told))
        archive.writestr(zipfile.ZipInfo(_REPORTS, _WHEN), body, compress_type=zipfile.ZIP_DEFLATED)
    sealed: bytes = pyrage.encrypt(buffer.getvalue(), [pyrage.x25519.Recipient.from_str(key)])
    return sealed


def unseal(sealed: bytes, *, identity: str) -> tuple[Manifest, bytes]:
    """Return the manifest and the JSON lines of a package sealed to `identity` (`AGE-SECRET-KEY-…`).

    Raises:
        PackageRefused: KEY, SEALED_FOR_ANOTHER, NO_PACKAGE (no package of ours, or too large), CHANGED.
    """
    try:
        key = pyrage.x25519.Identity.from_str(identity.strip())
    except pyrage.IdentityError:
        raise PackageRefused("KEY") from None
    try:
        plain = pyrage.decrypt(sealed, [key])
    except pyrage.DecryptError:
        raise PackageRefused("SEALED_FOR_ANOTHER") from None
    try:
        with zipfile.ZipFile(io.BytesIO(plain)) as archive:
            if archive.namelist() != [_MANIFEST, _REPORTS]:
                raise PackageRefused("NO_PACKAGE")
            if sum(info.file_size for info in archive.infolist()) > MAXIMUM_BYTES:
                raise PackageRefused("NO_PACKAGE")
            manifest = msgspec.json.decode(archive.read(_MANIFEST), type=Manifest)
            body = archive.read(_REPORTS)
    except (zipfile.BadZipFile, msgspec.MsgspecError):
        raise PackageRefused("NO_PACKAGE") from None
    if hashlib.sha256(body).hexdigest() != manifest.sha256:
        raise PackageRefused("CHANGED")
    return manifest, body


def line_of(report: Report, *, reference: str) -> bytes:
    """Return a report as a line of a package, under the reference by which the sending desk knows it.

    Who reported stays with the desk that was told (decision 8); associated accounts go along (decision 31).
    """
    persons = tuple(person for person in report.persons if person.role is not PersonRole.REPORTER)
    return msgspec.json.encode(
        msgspec.structs.replace(report, reference=reference, persons=persons)
    )


def token_digest(token: str) -> bytes:
    """Return what is stored of a token: its SHA-256 (256 random bits need no slower hash)."""
    return hashlib.sha256(token.encode()).digest()


def answers(acknowledgement: Acknowledgement, digest: bytes) -> bool:
    """Return whether an acknowledgement knows the token of the package, compared in constant time."""
    return hmac.compare_digest(token_digest(acknowledgement.token), digest)
