"""The format of a package of reports for another desk: signed, then encrypted to that desk's age key. Pure.

The age file contains the header of `proof`, then a ZIP archive of `manifest.json` and `reports.jsonl` (JSON
Lines in the report format for desks, associated accounts included, readable by `fanal import jsonl`).
Packages of earlier versions have no header. The manifest holds a random token that only a desk which
decrypts the package can know: the acknowledgement quotes it.
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
from fanal.formats.report.records import PersonRole, Report
from fanal.kernel.refusal import Refusal

_MANIFEST, _REPORTS = "manifest.json", "reports.jsonl"
MAXIMUM_BYTES: Final = 200_000_000
"""Maximum size of an encrypted file, and of the unpacked archive."""
_ROOM: Final = 1_000_000
"""Bytes reserved for everything except the reports: manifest, header, overhead of ZIP and encryption."""
_WHEN = (1980, 1, 1, 0, 0, 0)
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""Accepted compression methods: others may expand beyond the requested size at once."""
_END, _LOCATOR, _DIRECTORY = b"PK\x05\x06", b"PK\x06\x07", 1024
"""Signatures of the end record and of the ZIP64 locator; maximum size of a directory of two files."""
_BROKEN = (
    zipfile.BadZipFile, zlib.error, struct.error, msgspec.MsgspecError, EOFError, OSError, RuntimeError,
    ValueError, OverflowError,
)  # fmt: skip
"""Errors of `zipfile` on damaged or malicious archives, and of `msgspec` on invalid manifests."""
Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class Manifest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The manifest of a package of reports for another desk: what it contains, for whom, and from whom.

    `schema` is the version of the format, `package` the package's id. `sender` and `recipient` are names or
    codes of desks. `reports` is the number of reports, `sha256` (hexadecimal) that of their JSON Lines.
    `instruction` is the id of the standing instruction (a dated permission) under which it is sent. `token`
    is random: the acknowledgement quotes it, which proves that the recipient decrypted the package.
    """

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
    """The recipient's acknowledgement of a package of reports.

    `package` is its id, `opened_at` the date of decryption, `reports` the number of reports in it. `token` is
    that of the package, known only after decryption. The acknowledgement of a signed package is signed:
    `sender` is the key that signed the package, `key` the key that signs the acknowledgement, both in
    hexadecimal like `signature`. They are empty in earlier versions.
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
        """The bytes that the recipient signs: the acknowledgement as JSON with an empty signature."""
        return msgspec.json.encode(msgspec.structs.replace(self, signature=""))


class Unlocked(Struct, frozen=True, kw_only=True):
    """A decrypted package.

    `head` is its signature header, None if it is unsigned; `inner` its ZIP archive; `digest` the SHA-256 of
    header and archive.
    """

    head: proof.SealHead | None
    inner: bytes
    digest: bytes


def check_key(key: str) -> str:
    """Validate an age recipient (public key, `age1…`) and return it without surrounding spaces.

    Raises:
        Refusal: KEY, it is not an age recipient.
    """
    try:
        pyrage.x25519.Recipient.from_str(key.strip())
    except pyrage.RecipientError:
        raise Refusal("package", "KEY") from None
    return key.strip()


def seal(
    manifest: Manifest, lines: Sequence[bytes], *, key: str, signer: Ed25519PrivateKey
) -> bytes:
    """Build a package of reports: archive, signature by `signer`, encryption to the age recipient `key`.

    `lines` are reports as JSON; `sha256` and `reports` of the manifest are computed here. Returns the bytes
    of the age file.
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
    """Return the first reports, in the given order, that fit in one package (200 MB); at least one of them.

    `lines` maps report ids to JSON lines; so does the result, empty if `lines` is. The rest goes into later
    packages.
    """
    held: dict[UUID, bytes] = {}
    left = MAXIMUM_BYTES - _ROOM
    for report_id, line in lines.items():
        left -= len(line) + 1
        if held and left < 0:
            break
        held[report_id] = line
    return held


def unlock(sealed: bytes, *, identity: str) -> Unlocked:
    """Decrypt a package with an age private key (`AGE-SECRET-KEY-…`), and verify its signature if it has one.

    `sealed` is the age file. The caller must check that the signing key belongs to a known desk. An unsigned
    package (an earlier version) is accepted here: its `head` is None.

    Raises:
        Refusal: TOO_LARGE, over `MAXIMUM_BYTES`; KEY, `identity` is no age private key; SEALED_FOR_ANOTHER,
            not encrypted to it; NO_PACKAGE, another format or a truncated header; RECIPIENT, its signature
            names another recipient; SIGNATURE, not valid.
    """
    if len(sealed) > MAXIMUM_BYTES:
        raise Refusal("package", "TOO_LARGE")
    try:
        key = pyrage.x25519.Identity.from_str(identity.strip())
    except pyrage.IdentityError:
        raise Refusal("package", "KEY") from None
    try:
        plain = pyrage.decrypt(sealed, [key])
    except pyrage.DecryptError:
        raise Refusal("package", "SEALED_FOR_ANOTHER") from None
    head, inner = proof.split(plain)
    if head is not None:
        proof.check_package(head, inner)
        if head.recipient != str(key.to_public()):
            raise Refusal("package", "RECIPIENT")
    return Unlocked(head=head, inner=inner, digest=hashlib.sha256(plain).digest())


def unpack(inner: bytes) -> tuple[Manifest, bytes]:
    """Return (manifest, JSON Lines) of a package; no file is extracted to a path.

    `inner` is the package's ZIP archive, decrypted and without its header.

    Raises:
        Refusal: NO_PACKAGE (not in our format, or too large), CHANGED (digest or count differ).
    """
    if not _ends_small(inner):
        raise Refusal("package", "NO_PACKAGE")
    try:
        with zipfile.ZipFile(io.BytesIO(inner)) as archive:
            if not _is_ours(archive.infolist()):
                raise Refusal("package", "NO_PACKAGE")
            manifest = msgspec.json.decode(archive.read(_MANIFEST), type=Manifest)
            body = archive.read(_REPORTS)
    except _BROKEN:
        raise Refusal("package", "NO_PACKAGE") from None
    whole = hashlib.sha256(body).hexdigest() == manifest.sha256
    if not whole or body.count(b"\n") != manifest.reports:
        raise Refusal("package", "CHANGED")
    return manifest, body


def _ends_small(inner: bytes) -> bool:
    """Return whether the central directory of a ZIP archive (`inner`) has at most 1 KiB and is not ZIP64.

    `zipfile` creates an object for each name in the directory, so a large one would exhaust the memory.
    """
    end = inner[-22:]
    size = int.from_bytes(end[12:16], "little")
    return end.startswith(_END) and size <= _DIRECTORY and not inner[-42:].startswith(_LOCATOR)


def _is_ours(members: Sequence[zipfile.ZipInfo]) -> bool:
    """Return whether a ZIP archive holds just manifest and reports, of allowed size and compression."""
    return (
        [member.filename for member in members] == [_MANIFEST, _REPORTS]
        and sum(member.file_size for member in members) <= MAXIMUM_BYTES
        and _METHODS.issuperset(member.compress_type for member in members)
    )


def unseal(sealed: bytes, *, identity: str) -> tuple[Manifest, bytes]:
    """Decrypt and unpack a package without checking its sender; return (manifest, JSON Lines).

    `sealed` is the age file, `identity` the recipient's age private key. A desk receives packages with
    `operations.take`, which checks the sender.

    Raises:
        Refusal: TOO_LARGE, KEY, SEALED_FOR_ANOTHER, NO_PACKAGE, RECIPIENT, SIGNATURE as `unlock`; CHANGED,
            its digest or count of reports differs.
    """
    return unpack(unlock(sealed, identity=identity).inner)


def line_of(report: Report, *, reference: str) -> bytes:
    """Encode a report as a JSON line of a package, with the sending desk's `reference` as its reference.

    Persons with the role of reporter are removed; associated accounts are included. Free texts must already
    be redacted.
    """
    persons = tuple(person for person in report.persons if person.role is not PersonRole.REPORTER)
    return msgspec.json.encode(
        msgspec.structs.replace(report, reference=reference, persons=persons)
    )


def token_digest(token: str) -> bytes:
    """Return the SHA-256 of a package's token, the only form stored (256 random bits need no slower hash)."""
    return hashlib.sha256(token.encode()).digest()


def answers(acknowledgement: PackageAcknowledgement, digest: bytes) -> bool:
    """Return whether an acknowledgement quotes the token of which `digest` is the SHA-256 (constant time)."""
    return hmac.compare_digest(token_digest(acknowledgement.token), digest)
