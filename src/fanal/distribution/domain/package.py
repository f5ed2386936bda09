"""A package for another desk: what it holds, signed by us, sealed to that desk's age key. Pure.

Inside the age file, behind the head of `proof`, is a ZIP of `manifest.json` and `reports.jsonl`: the report
format as desks write it, one a line, associated accounts included, so that `fanal import jsonl` reads it.
Packages of earlier versions have no head. The manifest carries a token that only whoever opens the package
can know: the acknowledgement quotes it.
"""

import hashlib
import hmac
import io
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
import pyrage
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct

from fanal.distribution.domain import proof
from fanal.distribution.domain.states import PackageRefused
from fanal.formats.report.records import PersonRole, Report

_MANIFEST, _REPORTS = "manifest.json", "reports.jsonl"
MAXIMUM_BYTES: Final = 200_000_000
"""Of a sealed file, and of what is unpacked."""
_ROOM: Final = 1_000_000
"""Of it for everything but lines: manifest, head, and what packing and sealing add."""
_WHEN = (1980, 1, 1, 0, 0, 0)
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""The others unpack more at once than they were asked for."""
_END, _LOCATOR, _DIRECTORY = b"PK\x05\x06", b"PK\x06\x07", 1024
"""How the end of an archive begins, how that of a larger one; a directory of two names is no larger."""
_BROKEN = (
    zipfile.BadZipFile, zlib.error, struct.error, msgspec.MsgspecError, EOFError, OSError, RuntimeError,
    ValueError, OverflowError,
)  # fmt: skip
"""What `zipfile` raises over damaged or made-up archives, and `msgspec` over manifests that are none."""
Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class Manifest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a package says of itself."""

    schema: int
    package: UUID
    sender: str
    recipient: str
    made_at: Instant
    reports: int
    sha256: str
    instruction: UUID
    token: str


class PackageAcknowledgement(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """What the recipient answers: which package, when it was opened, and its token.

    To a signed package the answer is signed: `sender` is the key that signed the package, `key` the one that
    signs the answer, both in hexadecimal like `signature`. Empty in answers of earlier versions.
    """

    package: UUID
    opened_at: Instant
    reports: int
    token: str
    sender: str = ""
    key: str = ""
    signature: str = ""

    @property
    def statement(self) -> bytes:
        """What the signature stands under: everything else."""
        return msgspec.json.encode(msgspec.structs.replace(self, signature=""))


class Unlocked(Struct, frozen=True, kw_only=True):
    """What a seal held: the head, None where nobody signed; the archive; SHA-256 of both together."""

    head: proof.SealHead | None
    inner: bytes
    digest: bytes


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


def seal(
    manifest: Manifest, lines: Sequence[bytes], *, key: str, signer: Ed25519PrivateKey
) -> bytes:
    """Return the package signed by `signer` and sealed to `key`.

    `lines` are reports as JSON; `manifest.sha256` and the count of reports are worked out here.
    """
    body = b"".join(line + b"\n" for line in lines)
    told = msgspec.structs.replace(
        manifest, sha256=hashlib.sha256(body).hexdigest(), reports=len(lines)
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(_MANIFEST, _WHEN), msgspec.json.encode(told))
        archive.writestr(zipfile.ZipInfo(_REPORTS, _WHEN), body, compress_type=zipfile.ZIP_DEFLATED)
    signed = proof.signed_package(buffer.getvalue(), recipient=key, signer=signer)
    sealed: bytes = pyrage.encrypt(signed, [pyrage.x25519.Recipient.from_str(key)])
    return sealed


def fitting(lines: Mapping[UUID, bytes]) -> dict[UUID, bytes]:
    """Return the first of these lines, by report, that one package holds; one at least."""
    held: dict[UUID, bytes] = {}
    left = MAXIMUM_BYTES - _ROOM
    for report_id, line in lines.items():
        left -= len(line) + 1
        if held and left < 0:
            break
        held[report_id] = line
    return held


def unlock(sealed: bytes, *, identity: str) -> Unlocked:
    """Return what was sealed to `identity` (`AGE-SECRET-KEY-…`), its signature checked where it has one.

    Whose key signed it is for the caller to ask.

    Raises:
        PackageRefused: TOO_LARGE, KEY, SEALED_FOR_ANOTHER, NO_PACKAGE; RECIPIENT, its maker meant it for
            another key than this; SIGNATURE.
    """
    if len(sealed) > MAXIMUM_BYTES:
        raise PackageRefused("TOO_LARGE")
    try:
        key = pyrage.x25519.Identity.from_str(identity.strip())
    except pyrage.IdentityError:
        raise PackageRefused("KEY") from None
    try:
        plain = pyrage.decrypt(sealed, [key])
    except pyrage.DecryptError:
        raise PackageRefused("SEALED_FOR_ANOTHER") from None
    head, inner = proof.split(plain)
    if head is not None:
        proof.check_package(head, inner)
        if head.recipient != str(key.to_public()):
            raise PackageRefused("RECIPIENT")
    return Unlocked(head=head, inner=inner, digest=hashlib.sha256(plain).digest())


def unpack(inner: bytes) -> tuple[Manifest, bytes]:
    """Return the manifest and the JSON lines of an archive; no name in it ever becomes a path.

    Raises:
        PackageRefused: NO_PACKAGE (no package of ours, or too large), CHANGED.
    """
    if not _ends_small(inner):
        raise PackageRefused("NO_PACKAGE")
    try:
        with zipfile.ZipFile(io.BytesIO(inner)) as archive:
            if not _is_ours(archive.infolist()):
                raise PackageRefused("NO_PACKAGE")
            manifest = msgspec.json.decode(archive.read(_MANIFEST), type=Manifest)
            body = archive.read(_REPORTS)
    except _BROKEN:
        raise PackageRefused("NO_PACKAGE") from None
    whole = hashlib.sha256(body).hexdigest() == manifest.sha256
    if not whole or body.count(b"\n") != manifest.reports:
        raise PackageRefused("CHANGED")
    return manifest, body


def _ends_small(inner: bytes) -> bool:
    """Return whether an archive's directory is as small as ours: `zipfile` makes an object of each name."""
    end = inner[-22:]
    size = int.from_bytes(end[12:16], "little")
    return end.startswith(_END) and size <= _DIRECTORY and not inner[-42:].startswith(_LOCATOR)


def _is_ours(members: Sequence[zipfile.ZipInfo]) -> bool:
    """Return whether an archive holds our two files, no more than allowed, packed as we pack."""
    return (
        [member.filename for member in members] == [_MANIFEST, _REPORTS]
        and sum(member.file_size for member in members) <= MAXIMUM_BYTES
        and _METHODS.issuperset(member.compress_type for member in members)
    )


def unseal(sealed: bytes, *, identity: str) -> tuple[Manifest, bytes]:
    """Return the manifest and the JSON lines of a package, whoever made it.

    A desk takes packages by `operations.take`, which asks that.

    Raises:
        PackageRefused: as `unlock` and `unpack`.
    """
    return unpack(unlock(sealed, identity=identity).inner)


def line_of(report: Report, *, reference: str) -> bytes:
    """Return a report as a line of a package, under the reference by which the sending desk knows it.

    Who reported stays with the desk that was told; associated accounts go along.
    """
    persons = tuple(person for person in report.persons if person.role is not PersonRole.REPORTER)
    return msgspec.json.encode(
        msgspec.structs.replace(report, reference=reference, persons=persons)
    )


def token_digest(token: str) -> bytes:
    """Return what is stored of a token: its SHA-256 (256 random bits need no slower hash)."""
    return hashlib.sha256(token.encode()).digest()


def answers(acknowledgement: PackageAcknowledgement, digest: bytes) -> bool:
    """Return whether an acknowledgement knows the token of the package, compared in constant time."""
    return hmac.compare_digest(token_digest(acknowledgement.token), digest)
