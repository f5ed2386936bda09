"""Configuration of the public pages in this process, set once by `config/wiring.py`."""

import hashlib
import hmac
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from fanal.web.public.sealed import DraftKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class RootKey:
    """The public key by which all receipts can be verified, as text (`pem`) and SHA-256 fingerprint.

    `fingerprint` is over the DER bytes, as `openssl pkey -pubin -outform DER | sha256sum` prints it, in
    groups of digits.
    """

    pem: str
    fingerprint: str

    @classmethod
    def read(cls, path: Path) -> "RootKey | None":
        """Return the public key in a PEM file, with its fingerprint.

        None if the file cannot be read, or holds no Ed25519 public key.
        """
        try:
            key = serialization.load_pem_public_key(path.read_bytes())
        except (OSError, ValueError, UnsupportedAlgorithm):
            return None
        if not isinstance(key, Ed25519PublicKey):
            return None
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        digest = hashlib.sha256(key.public_bytes(serialization.Encoding.DER, form)).hexdigest()
        return cls(
            pem=key.public_bytes(serialization.Encoding.PEM, form).decode(),
            fingerprint=" ".join(digest[i : i + 8] for i in range(0, 64, 8)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicNode:
    """Configuration of a public node.

    `draft_keys` encrypt the form's hidden drafts; `proof_secret` signs proof-of-work challenges, and all
    processes of the node share it. `keep_address`: the desk keeps reporters' IP addresses. `root` verifies
    receipts, None if its file holds no such key.
    """

    draft_keys: DraftKeys
    proof_secret: bytes = field(repr=False)
    keep_address: bool = False
    root: "RootKey | None" = None

    @classmethod
    def under(cls, home: Path, *, secret: str, keep_address: bool) -> "PublicNode":
        """Return the configuration of a node with the data folder `home` and its own secret key `secret`.

        Draft keys have a separate folder: serving processes cannot write to that of the permanent keys.
        `keep_address`: the desk keeps reporters' IP addresses.
        """
        return cls(
            draft_keys=DraftKeys(home / "drafts" / "keys.json"),
            proof_secret=hmac.digest(secret.encode(), b"fanal/public/proof/v1", "sha256"),
            keep_address=keep_address,
            root=RootKey.read(home / "keys" / "receipt-root.pub"),
        )


_installed: list[PublicNode] = []


class NotInstalled(RuntimeError):
    """Error: the public pages were used before `config/wiring.py` installed their configuration."""


def install(node: PublicNode) -> None:
    """Set the configuration of the public pages in this process (`node`), replacing any earlier one."""
    _installed[:] = [node]


def current() -> PublicNode:
    """Return the installed configuration of the public pages.

    Raises:
        NotInstalled: there is none yet.
    """
    if not _installed:
        raise NotInstalled("wiring has not set up the public pages")
    return _installed[0]
