"""The key files of an installation, in the folder `FANAL_HOME/keys` (mode 0700): creation and loading.

| File | Content |
|---|---|
| `content-N.pub`, `identity-N.pub` | vault keys under which content and identities are sealed |
| `content-N.key`, `identity-N.key` | their private halves: never on a public node |
| `digest.key` | keys the digests of the ledger and of accounts; those below are derived from it |
| `digest-intake.key`, `digest-vault.key` | on a node: digests of keys and bodies; of identities |
| `ledger-N.key`, `ledger-N.vkey` | checkpoint signing key (not on public nodes), and its verifier key |
| `node-N.key`, `node-N.cert` | receipt signing key of this node, certified by the root |
| `secret_key` | signs cookies and seals second factors; `FANAL_SECRET_KEY` replaces it |
| `transparency-N.key`, `transparency-N.vkey` | those of the transparency log (`config.transparency`) |
| `receipt-root.key`, `receipt-root.pub` | the root: its private half belongs offline |

The highest number is in use; earlier keys still open and verify. Private keys in this folder are for demo and
test: `fanal doctor` fails a production instance whose keys lie in the same place as vault and backups.
"""

import re
import secrets
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from fanal.intake.domain.receipt import (
    NodeCertificate,
    NodeSigner,
    ReceiptRefused,
    certify_node,
    decode_certificate,
    encode_certificate,
)
from fanal.ledger.domain.checkpoint import CheckpointRefused, NoteKey
from fanal.postgres.roles import write_private
from fanal.vault.domain.envelope import key_id

SECRET_FILE = "secret_key"  # noqa: S105 - a name
"""File of the installation's secret if `FANAL_SECRET_KEY` is not set: signs cookies, seals second factors."""
VAULT_KEYS = ("content", "identity")
SHARED_DIGESTS = ("intake", "vault")
"""First words of the purposes of digest keys that the desk shares with every public node."""
ALL_PURPOSES = frozenset({*VAULT_KEYS, "digest", "ledger", "receipt-root", "secret"})
_NODE_LIFE = timedelta(days=2 * 365)
_RENEWED_BEFORE = timedelta(days=60)
"""Remaining validity below which a start renews the node's certificate, if the root's key is present."""
_DIGEST = re.compile(r"[0-9a-fA-F]{64}")
_NUMBERED = re.compile(r"([a-z]+)-([0-9]{4})")
NO_KEY = (ValueError, UnsupportedAlgorithm)
"""Exceptions raised on reading a PEM text without a key, or with a key of an unknown algorithm."""


class KeysMissing(Exception):
    """Error: key files are missing or unreadable; the message names them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFiles:
    """The keys that a process loaded from its key folder.

    `content` and `identity` are the vault's public keys, which seal contents and reporters' identities;
    `opening` maps key ids to the private halves, empty on a public node. `digest` is the key of digests in
    the ledger and accounts, `digests` those shared with nodes, by purpose. `ledger_signing` signs
    checkpoints, None in most processes; `ledger_known` are the verifier keys of the ledger, the key in use
    last. `node` signs receipts.
    """

    content: X25519PublicKey
    identity: X25519PublicKey
    opening: Mapping[bytes, X25519PrivateKey] = field(repr=False)
    digest: bytes = field(repr=False)
    digests: Mapping[str, bytes] = field(repr=False)
    ledger_signing: Ed25519PrivateKey | None = field(repr=False)
    ledger_known: tuple[NoteKey, ...]
    node: NodeSigner


def keys_folder(home: Path) -> Path:
    """Return the key folder of the data folder `home`."""
    return home / "keys"


def ensure_keys(
    home: Path,
    *,
    now: datetime,
    origin: str,
    node: str,
    purposes: Container[str] = ALL_PURPOSES,
) -> None:
    """Create the missing key files of `purposes` at a first start, and renew the node's certificate.

    `home` is the data folder. This is not for public nodes, which receive their files. `origin` is the log's
    name in its checkpoints, `node` this machine's name in its receipts. The node's key is made or renewed
    only if the root's private key is present.

    Raises:
        KeysMissing: the node's certificate or the root's key is unreadable.
        OSError: a file cannot be written.
    """
    folder = keys_folder(home)
    for group in VAULT_KEYS:
        if group in purposes and not _numbers(folder, group, "pub"):
            make_vault_key(home, group)
    if "digest" in purposes and not (folder / "digest.key").exists():
        write_private(folder / "digest.key", secrets.token_hex(32))
    if "ledger" in purposes and not _numbers(folder, "ledger", "vkey"):
        make_ledger_key(home, origin=origin)
    if "receipt-root" in purposes and not (folder / "receipt-root.pub").exists():
        root = Ed25519PrivateKey.generate()
        write_private(folder / "receipt-root.key", private_text(root))
        write_private(folder / "receipt-root.pub", _public_text(root.public_key()))
    if "secret" in purposes:
        ensure_node_secret(home)
    ends = node_certificate_ends(home)
    renewable = (folder / "receipt-root.key").exists()
    if renewable and (
        ends is None or ends < now.date() + _RENEWED_BEFORE or node_misfit(home) is not None
    ):
        make_node_key(home, now=now, node=node)


def node_certificate_ends(home: Path) -> date | None:
    """Return the last day on which this node can sign receipts, from its certificate in the key folder.

    The result is None without a certificate. `home` is the data folder.

    Raises:
        KeysMissing: the certificate is unreadable.
    """
    path = _last(keys_folder(home), "node", "cert")
    return None if path is None else _load_certificate(path).valid_until


def node_misfit(home: Path) -> str | None:
    """Return a message if the receipts that this node signs can never be verified, None otherwise.

    The reason is a missing or unreadable file, a certificate of another key, or one of another root. `home`
    is the data folder.
    """
    folder = keys_folder(home)
    try:
        signer = _load_node(folder)
        root = read_public_key(read_key_file(folder / "receipt-root.pub"))
    except KeysMissing as missing:
        return str(missing)
    name = present(folder, "node", "cert").name
    if not signer.holds_key():
        return f"{name} is the certificate of another key than the one beside it"
    if not signer.certificate.is_of(root):
        return f"{name} was not signed by the root whose key is receipt-root.pub"
    return None


def node_fault(home: Path, *, now: datetime) -> str | None:
    """Return a message if the receipts that this node signs at `now` cannot be verified; None otherwise.

    The reasons are those of `node_misfit`, and a certificate that is expired or not yet valid. `home` is the
    data folder.
    """
    misfit = node_misfit(home)
    if misfit is not None:
        return misfit
    path = present(keys_folder(home), "node", "cert")
    certificate = _load_certificate(path)
    if certificate.covers(now):
        return None
    days = f"{certificate.valid_from} to {certificate.valid_until}"
    return f"{path.name} lets this node sign receipts from {days} only"


def ensure_node_secret(home: Path) -> None:
    """Create in the data folder `home` the secret that signs cookies and challenges, if it is missing.

    Each public node has its own.

    Raises:
        OSError: a file cannot be written.
    """
    path = keys_folder(home) / SECRET_FILE
    if not path.exists():
        write_private(path, secrets.token_urlsafe(64))


def make_vault_key(home: Path, group: str) -> int:
    """Create the next vault key of `group` (`content` or `identity`) and return its number.

    `home` is the data folder (`FANAL_HOME`). The new key is in use at once.

    Raises:
        OSError: a file cannot be written.
    """
    folder, key = keys_folder(home), X25519PrivateKey.generate()
    number = _next(folder, group, "pub")
    # The private half first: a crash must not leave a public key that nothing opens.
    write_private(folder / f"{group}-{number:04}.key", private_text(key))
    write_private(folder / f"{group}-{number:04}.pub", _public_text(key.public_key()))
    return number


def make_ledger_key(home: Path, *, origin: str) -> int:
    """Create the next key with which the ledger signs its checkpoints, and return its number.

    `home` is the data folder (`FANAL_HOME`), `origin` the ledger's name in its checkpoints.

    Raises:
        OSError: a file cannot be written.
    """
    folder, key = keys_folder(home), Ed25519PrivateKey.generate()
    number = _next(folder, "ledger", "vkey")
    write_private(folder / f"ledger-{number:04}.key", private_text(key))
    verifier = NoteKey(name=origin, public=key.public_key()).encode()
    write_private(folder / f"ledger-{number:04}.vkey", f"{verifier}\n")
    return number


def make_node_key(home: Path, *, now: datetime, node: str) -> int:
    """Create this node's next receipt signing key, certified by the root, and return its number.

    `home` is the data folder (`FANAL_HOME`), `node` this machine's name in its receipts.

    Raises:
        KeysMissing: the root's private key is not in the folder (it belongs offline).
        OSError: a file cannot be written.
    """
    folder = keys_folder(home)
    number = _next(folder, "node", "cert")
    _write_node_key(folder, root=folder / "receipt-root.key", number=number, now=now, node=node)
    return number


def give_node_keys(home: Path, target: Path, *, now: datetime, node: str) -> None:
    """Write the key files of a public node into `target`: public keys, digest keys, a certified signing key.

    `home` is the desk's data folder, `node` the public node's name. Digest keys are derived by HKDF-SHA256.
    Those of intake and vault are the same on every node, so that a duplicate report is recognised on any of
    them. The node's `digest.key` is its own; the desk can derive it again.

    Raises:
        KeysMissing: a file is missing in `home`, such as the root's private key.
        OSError: a file cannot be written.
    """
    folder = keys_folder(home)
    digest = _read_digest(folder / "digest.key")
    write_private(target / "digest.key", _derived(digest, f"node/{node}").hex())
    for part in SHARED_DIGESTS:
        write_private(target / f"digest-{part}.key", _derived(digest, part).hex())
    shared = [folder / "receipt-root.pub"]
    shared += [*key_paths(folder, VAULT_KEYS, "pub"), *key_paths(folder, ("ledger",), "vkey")]
    for path in shared:
        write_private(target / path.name, read_key_file(path))
    _write_node_key(target, root=folder / "receipt-root.key", number=1, now=now, node=node)


def _derived(digest: bytes, purpose: str) -> bytes:
    info = b"fanal/digest/v1/" + purpose.encode()
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(digest)


def shared_digest(folder: Path, part: str) -> bytes:
    """Return the digest key that desk and nodes share for `part`: from a node's file, or derived at the desk.

    `folder` is the key folder; `part` is `intake` or `vault`.

    Raises:
        KeysMissing: neither the file nor `digest.key` exists, or it holds no key.
    """
    path = folder / f"digest-{part}.key"
    if path.exists():
        return _read_digest(path)
    return _derived(_read_digest(folder / "digest.key"), part)


def _write_node_key(folder: Path, *, root: Path, number: int, now: datetime, node: str) -> None:
    key = Ed25519PrivateKey.generate()
    certificate = certify_node(
        root=load_signing(root),
        node=node,
        public=key.public_key(),
        valid_from=now.date() - timedelta(days=1),
        valid_until=now.date() + _NODE_LIFE,
    )
    write_private(folder / f"node-{number:04}.key", private_text(key))
    write_private(folder / f"node-{number:04}.cert", encode_certificate(certificate))


def load_keys(home: Path, *, public_node: bool, signs: bool = True) -> KeyFiles:
    """Return the keys of this process from the data folder `home`.

    A public node loads no private vault key and no checkpoint key. `signs`: whether to load the checkpoint
    signing key; only the worker needs it.

    Raises:
        KeysMissing: a required file is missing or malformed.
    """
    folder = keys_folder(home)
    opening: dict[bytes, X25519PrivateKey] = {}
    if not public_node:
        for path in key_paths(folder, VAULT_KEYS, "key"):
            private = _load_opening(path)
            opening[key_id(private.public_key())] = private
    signing = _last(folder, "ledger", "key") if signs and not public_node else None
    return KeyFiles(
        content=_load_sealing(present(folder, "content", "pub")),
        identity=_load_sealing(present(folder, "identity", "pub")),
        opening=opening,
        digest=_read_digest(folder / "digest.key"),
        digests={part: shared_digest(folder, part) for part in SHARED_DIGESTS},
        ledger_signing=None if signing is None else load_signing(signing),
        ledger_known=_load_verifiers(folder),
        node=_load_node(folder),
    )


def _load_node(folder: Path) -> NodeSigner:
    """Return the receipt signer of this node: its latest certificate with the private key of the same number.

    Raises:
        KeysMissing: a file is missing or malformed.
    """
    path = present(folder, "node", "cert")
    key = load_signing(path.with_suffix(".key"))
    return NodeSigner(key=key, certificate=_load_certificate(path))


def _load_certificate(path: Path) -> NodeCertificate:
    try:
        return decode_certificate(read_key_file(path))
    except ReceiptRefused as error:
        raise KeysMissing(f"{path.name}: {error}") from None


def _load_verifiers(folder: Path) -> tuple[NoteKey, ...]:
    present(folder, "ledger", "vkey")
    return tuple(read_verifier(path) for path in key_paths(folder, ("ledger",), "vkey"))


def read_verifier(path: Path) -> NoteKey:
    """Return the verifier key of the ledger in the file at `path`.

    Raises:
        KeysMissing: the file is unreadable, or holds no verifier key.
    """
    try:
        return NoteKey.decode(read_key_file(path))
    except CheckpointRefused as error:
        raise KeysMissing(f"{path.name}: {error}") from None


def _read_digest(path: Path) -> bytes:
    text = read_key_file(path)
    if not _DIGEST.fullmatch(text):
        raise KeysMissing(f"{path.name} is no key of 32 bytes in base 16")
    return bytes.fromhex(text)


def read_public_key(text: str) -> Ed25519PublicKey:
    """Return the Ed25519 public key in a PEM text.

    Raises:
        KeysMissing: the text holds no such key.
    """
    try:
        key = serialization.load_pem_public_key(text.encode())
    except NO_KEY as error:
        raise KeysMissing(f"no public key: {error}") from None
    if not isinstance(key, Ed25519PublicKey):
        raise KeysMissing("the key is of another kind")
    return key


def _numbers(folder: Path, group: str, suffix: str) -> list[int]:
    found = []
    for path in folder.glob(f"{group}-*.{suffix}"):
        match = _NUMBERED.fullmatch(path.stem)
        if match:
            found.append(int(match[2]))
    return sorted(found)


def _next(folder: Path, group: str, suffix: str) -> int:
    return max(_numbers(folder, group, suffix), default=0) + 1


def key_paths(folder: Path, groups: tuple[str, ...], suffix: str) -> Iterator[Path]:
    """Yield the numbered key files in `folder` of each of `groups` (such as `content`) with this suffix.

    They come by group, then by number.
    """
    for group in groups:
        for number in _numbers(folder, group, suffix):
            yield folder / f"{group}-{number:04}.{suffix}"


def _last(folder: Path, group: str, suffix: str) -> Path | None:
    return max(key_paths(folder, (group,), suffix), default=None)


def present(folder: Path, group: str, suffix: str) -> Path:
    """Return the key file of the highest number of a group with this suffix.

    Raises:
        KeysMissing: there is none.
    """
    path = _last(folder, group, suffix)
    if path is None:
        raise KeysMissing(f"{folder} holds no {group}-N.{suffix}")
    return path


def read_key_file(path: Path) -> str:
    """Return the text of a key file without surrounding white space.

    Raises:
        KeysMissing: the file is unreadable or no text.
    """
    try:
        return path.read_text().strip()
    except OSError as error:
        raise KeysMissing(f"{path.name}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise KeysMissing(f"{path.name} is no text") from None


def _load_opening(path: Path) -> X25519PrivateKey:
    key = _load_private(path)
    if not isinstance(key, X25519PrivateKey):
        raise KeysMissing(f"{path.name} is no X25519 key")
    return key


def load_signing(path: Path) -> Ed25519PrivateKey:
    """Return the Ed25519 private key in a file (PEM).

    Raises:
        KeysMissing: the file is unreadable, or holds no such key.
    """
    key = _load_private(path)
    if not isinstance(key, Ed25519PrivateKey):
        raise KeysMissing(f"{path.name} is no Ed25519 key")
    return key


def _load_private(path: Path) -> PrivateKeyTypes:
    try:
        return serialization.load_pem_private_key(read_key_file(path).encode(), password=None)
    except NO_KEY as error:
        raise KeysMissing(f"{path.name}: {error}") from None


def _load_sealing(path: Path) -> X25519PublicKey:
    try:
        key = serialization.load_pem_public_key(read_key_file(path).encode())
    except NO_KEY as error:
        raise KeysMissing(f"{path.name}: {error}") from None
    if not isinstance(key, X25519PublicKey):
        raise KeysMissing(f"{path.name} is no X25519 key")
    return key


def private_text(key: X25519PrivateKey | Ed25519PrivateKey) -> str:
    """Return a private key as text (PEM, PKCS #8, not encrypted)."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _public_text(key: X25519PublicKey | Ed25519PublicKey) -> str:
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()
