"""The signed manifest of each file of the blocking list: serial, instants, number of names, SHA-256. Pure.

Signatures are those of a C2SP signed note (`ledger.domain.checkpoint`), whose text is a line `SCHEMA` and the
manifest's canonical JSON: a witness adds its cosignature as a further line, and no checkpoint of the ledger
can be taken for a manifest.
"""

import hashlib
from collections.abc import Collection, Iterable
from datetime import datetime

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct

from fanal.kernel.calendar import read_aware
from fanal.ledger.domain.checkpoint import CheckpointRefused, NoteKey, open_text, sign_text
from fanal.measures.blocking.blocklist import BlockList, is_later, written_instant

SCHEMA = "fanal/blocking-manifest/1"


class ManifestRefused(Exception):
    """A manifest is malformed, not signed by a known key, expired, older, or of another file."""


class ListManifest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the desk states about a file of the list. `entries` is the number of blocked names.

    `file` is the name of the file, `sha256` the digest of its bytes (hexadecimal); instants are UTC.
    """

    file: str
    serial: int
    made_at: str
    expires_at: str
    entries: int
    sha256: str


class _Signed(ListManifest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    signatures: tuple[str, ...]


def sign_manifest(
    block: BlockList, *, file: str, content: bytes, name: str, key: Ed25519PrivateKey
) -> bytes:
    """Return the signed manifest (JSON) of a file of the list with this name and content.

    `name` is the name of the signing key, as in the ledger's checkpoints.

    Raises:
        ValueError: the key's name contains `+` or a space, or is empty.
    """
    manifest = ListManifest(
        file=file,
        serial=block.serial,
        made_at=written_instant(block.made_at),
        expires_at=written_instant(block.expires_at),
        entries=len(block.entries),
        sha256=hashlib.sha256(content).hexdigest(),
    )
    note = sign_text(_text(manifest), name=name, key=key)
    signatures = tuple(note.rpartition("\n\n")[2].splitlines())
    signed = msgspec.convert(
        {**msgspec.structs.asdict(manifest), "signatures": signatures}, _Signed
    )
    return msgspec.json.encode(signed) + b"\n"


def open_manifest(document: bytes, *, keys: Iterable[NoteKey]) -> ListManifest:
    """Return the manifest in a signed document, once a signature of one of `keys` was verified.

    Signatures of unknown keys (witnesses) are skipped; a wrong one of a known key is refused.

    Raises:
        ManifestRefused: malformed, or not signed by a known key.
    """
    try:
        signed = msgspec.json.decode(document, type=_Signed)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ManifestRefused(f"no manifest: {error}") from None
    fields = {name: getattr(signed, name) for name in ListManifest.__struct_fields__}
    manifest = msgspec.convert(fields, ListManifest)
    text = _text(manifest)
    note = text + "\n" + "".join(f"{line}\n" for line in signed.signatures)
    try:
        opened = open_text(note, keys=keys)
    except CheckpointRefused as error:
        raise ManifestRefused(str(error)) from None
    if opened != text:
        raise ManifestRefused("the signatures are those of another text")
    return manifest


def check_file(
    manifest: ListManifest, *, file: str, content: bytes, now: datetime, loaded: Collection[int]
) -> None:
    """Check that a file may be used at `now`: it is that of the manifest, in force, and not older.

    `loaded` are the serials of lists that were used before; the same serial again is no fault.

    Raises:
        ManifestRefused: the message says why.
    """
    ends = read_aware(manifest.expires_at)
    if ends is None or now >= ends:
        raise ManifestRefused(f"the list expired at {manifest.expires_at}")
    check_digest(manifest, file=file, content=content)
    if any(s != manifest.serial and not is_later(manifest.serial, s) for s in loaded):
        raise ManifestRefused("a later list was used before")


def check_digest(manifest: ListManifest, *, file: str, content: bytes) -> None:
    """Check that a manifest is that of this file, which may have expired.

    Raises:
        ManifestRefused: it has another name or content.
    """
    if manifest.file != file or hashlib.sha256(content).hexdigest() != manifest.sha256:
        raise ManifestRefused("the manifest is that of another file")


def _text(manifest: ListManifest) -> str:
    return f"{SCHEMA}\n{msgspec.json.encode(manifest).decode()}\n"
