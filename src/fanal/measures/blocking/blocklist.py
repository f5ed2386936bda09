"""The list of blocked host names at one instant: entries, serial (RFC 1982), expiry, signed manifest. Pure.

No entry is valid after its own expiry in any format, and a client that receives no newer list stops blocking:
the list expires with its first entry, and at the latest `LIFE` after it was made.

Each file of the list has a manifest: serial, instants, number of names, SHA-256. Signatures are those of a
C2SP signed note (`ledger.domain.checkpoint`), whose text is a line `MANIFEST_SCHEMA` and the manifest's
canonical JSON: a witness adds its cosignature as a further line, and no checkpoint of the ledger can be taken
for a manifest.
"""

import hashlib
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct

from fanal.kernel.calendar import read_aware
from fanal.ledger.domain.checkpoint import CheckpointRefused, NoteKey, open_text, sign_text
from fanal.measures.blocking.names import HostName, check_written, covers

LIFE = timedelta(hours=24)
"""Longest validity of a list: the time in which providers restore access (decree 2015-125, article 4)."""
_SERIALS = 2**32
_HALF = 2**31


class ListWrong(Exception):
    """Error: a blocking list cannot be made, or a written file differs from it; the message says where."""


class Entry(Struct, frozen=True, kw_only=True):
    """A blocked host name in the list, with all names below it.

    `since` is when the first blocking of the name took effect, `expires` when the last of them ends.
    """

    name: HostName
    since: datetime
    expires: datetime


class BlockList(Struct, frozen=True, kw_only=True):
    """The list of blocked host names as it was at `made_at`; instants are UTC, in whole seconds.

    `serial` is its number, of 32 bits (RFC 1982). `entries` are sorted by labels from the top-level domain
    down. Resolvers answer queries for a blocked name with `stop_host`, the host of the page shown instead.
    After `expires_at` the list must not be used.
    """

    serial: int
    made_at: datetime
    expires_at: datetime
    stop_host: HostName
    entries: tuple[Entry, ...]

    @property
    def names(self) -> tuple[HostName, ...]:
        """The blocked names, in order; each is blocked with all names below it."""
        return tuple(entry.name for entry in self.entries)


def make_list(
    entries: Iterable[Entry], *, made_at: datetime, known: Collection[int], stop_host: str
) -> BlockList:
    """Return the list of the blocked names whose entry has not expired at `made_at`, one entry for each name.

    `entries` has one for each blocking; two for the same name are merged: the earlier start, the later
    expiry. `known` are the serials of all earlier lists known here or seen at recipients; `stop_host` is the
    host of the page shown instead of a blocked one.

    Raises:
        ValueError: a name is not in the form that `names.read_name` returns.
        ListWrong: a name covers the stop page, or the serials have no successor (`next_serial`).
    """
    at = made_at.astimezone(UTC).replace(microsecond=0)
    (stop,) = check_written([stop_host])
    merged: dict[str, Entry] = {}
    for entry in entries:
        if whole(entry.expires) > at:
            merged[entry.name] = _merge(entry, merged.get(entry.name))
    check_written(merged)
    if covering := next((name for name in merged if covers(name, stop)), None):
        raise ListWrong(f"{covering} covers the stop page {stop}")
    return BlockList(
        serial=next_serial(known, made_at=at),
        made_at=at,
        expires_at=min([at + LIFE, *(entry.expires for entry in merged.values())]),
        stop_host=stop,
        entries=tuple(sorted(merged.values(), key=lambda entry: from_root(entry.name))),
    )


def is_later(one: int, other: int) -> bool:
    """Return whether serial `one` is later than `other` (RFC 1982, 32 bits); false where it is undefined."""
    return 0 < (one - other) % _SERIALS < _HALF


def next_serial(known: Collection[int], *, made_at: datetime) -> int:
    """Return a serial number (32 bits) later than all `known` ones in the arithmetic of RFC 1982.

    It is `made_at` in seconds since 1970, or one more than the latest known. A list made after a restore from
    an older backup is therefore later than lists that the backup lacks. The serial is never 0.

    Raises:
        ListWrong: no serial is later than all of them, since two are half of all serials apart.
    """
    serial = int(made_at.timestamp()) % _SERIALS
    for other in known:
        if not is_later(serial, other):
            serial = (other + 1) % _SERIALS
    serial = serial or 1
    if not all(is_later(serial, other) for other in known):
        raise ListWrong("no serial is later than all known ones")
    return serial


def from_root(name: str) -> list[str]:
    """Return the labels of a host name from the top-level domain down: sorts subdomains together."""
    return name.split(".")[::-1]


def closed(names: Iterable[str]) -> list[str]:
    """Return host names together with every name between a listed name and a listed name above it.

    For `a.b.c.example` and `c.example`, that adds `b.c.example`. `names` and the result are in the order of
    `BlockList.names`. In a DNS zone, a listed name below another one would otherwise unblock the names in
    between: a wildcard does not apply below an existing node, even an empty one (RFC 4592, 3.3.1).
    """
    found: list[str] = []
    above: list[str] = []
    for name in names:
        while above and not name.endswith(f".{above[-1]}"):
            above.pop()
        if above:
            between = []
            up = name.partition(".")[2]
            while up != above[-1]:
                between.append(up)
                up = up.partition(".")[2]
            found.extend(reversed(between))
            above.extend(reversed(between))
        found.append(name)
        above.append(name)
    return found


def written_instant(instant: datetime) -> str:
    """Format an instant as all files of the list do: UTC, whole seconds, such as `2026-11-30T21:00:00Z`.

    Fractions of a second are cut off.
    """
    return f"{instant.astimezone(UTC).isoformat()[:19]}Z"


def read_written(text: str) -> datetime:
    """Parse an instant in a file of the blocking list (ISO 8601 with a time zone).

    Raises:
        ListWrong: it is no instant with its time zone.
    """
    instant = read_aware(text)
    if instant is None:
        raise ListWrong(f"{text!r} is no instant")
    return instant


def whole(instant: datetime) -> datetime:
    """Return an instant as the list states it: UTC, without its fraction of a second."""
    return instant.astimezone(UTC).replace(microsecond=0)


def _merge(entry: Entry, other: Entry | None) -> Entry:
    since, expires = whole(entry.since), whole(entry.expires)
    if other is not None:
        since, expires = min(since, other.since), max(expires, other.expires)
    return Entry(name=entry.name, since=since, expires=expires)


MANIFEST_SCHEMA = "fanal/blocking-manifest/1"


class ManifestRefused(Exception):
    """Error: a file's manifest is malformed, signed by no known key, expired, outdated or of another file."""


class ListManifest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The statement about one file of the blocking list that is signed with it.

    `file` is the name of the file, `sha256` the digest of its bytes (hexadecimal), `entries` the number of
    blocked names. `serial`, `made_at` and `expires_at` are those of the list, instants in UTC (ISO 8601).
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
    """Verify a signed manifest (JSON) of a file of the blocking list and return its content.

    A signature of one of `keys` is required. Signatures of unknown keys (witnesses) are skipped; a wrong one
    of a known key is refused.

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
    """Check that a file of the blocking list may be used at `now`.

    It must be the file of its manifest and not expired. `file` is its name, `content` its bytes. `loaded` are
    the serials of lists used before: none may be later than that of the manifest.

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
    """Check that a manifest is of the file with this name and content; the manifest may have expired.

    Raises:
        ManifestRefused: it has another name or content.
    """
    if manifest.file != file or hashlib.sha256(content).hexdigest() != manifest.sha256:
        raise ManifestRefused("the manifest is that of another file")


def _text(manifest: ListManifest) -> str:
    return f"{MANIFEST_SCHEMA}\n{msgspec.json.encode(manifest).decode()}\n"
