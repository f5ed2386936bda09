"""Keys of the process, installed by `config/wiring.py`.

A public node has public keys only: it can seal (encrypt) and cannot open. Keys are grouped by what they
protect: `content`, `identity` (the reporter), digests, receipts. Checkpoint keys belong to the ledger
package.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from fanal.vault.domain.records import IDENTITY_KINDS


class KeyMissing(RuntimeError):
    """Error: an operation requires a key that this process does not hold."""


class ReceiptSigner(Protocol):
    """Interface of a signer of reports' receipts, implemented by `intake.domain.receipt.NodeSigner`."""

    def signs_at(self, instant: datetime) -> bool:
        """Return whether a receipt signed at this instant could be verified."""
        ...

    def sign_receipt(self, *, report_id: UUID, body: bytes, received_at: datetime) -> str:
        """Return the signed receipt, as text, of a report with these original bytes (`body`).

        `received_at` is the time stated in it.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyring:
    """The keys of one process: `content` and `identity` seal, `opening` opens, `receipts` signs.

    `vault_folder` is the folder of the sealed bytes, `vault_mark` the SHA-256 (32 bytes) of the mark that
    the vault bore when the process began, None if it bore none. `content` and `identity` are the public
    keys for content and for reporters' identities; `opening` maps the id of a public key to its private
    key. `digest_keys` maps the first word of a purpose (`intake` of `intake.key`) to the key of its
    digests; `digest_key` is used for all other purposes. `receipts` is None if the process signs none.
    """

    vault_folder: Path
    vault_mark: bytes | None = None
    content: X25519PublicKey
    identity: X25519PublicKey
    opening: Mapping[bytes, X25519PrivateKey] = field(default_factory=dict, repr=False)
    digest_key: bytes = field(repr=False)
    digest_keys: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    receipts: ReceiptSigner | None = None

    def sealing_key(self, kind: str) -> X25519PublicKey:
        """Return the public key under which objects of `kind` are sealed."""
        return self.identity if kind in IDENTITY_KINDS else self.content

    def opening_key(self, key_id: bytes) -> X25519PrivateKey:
        """Return the private key for the id of a public key, to decrypt objects sealed under it.

        Raises:
            KeyMissing: this process does not hold it, so it may not open such objects.
        """
        key = self.opening.get(key_id)
        if key is None:
            raise KeyMissing(f"no opening key {key_id.hex()} in this process")
        return key

    def digest(self, purpose: str, value: bytes) -> bytes:
        """Return the HMAC-SHA256 (32 bytes) of `value` for a purpose, such as `intake.key`.

        Digests of one value for two purposes differ.
        """
        return hmac.digest(self._key(purpose), purpose.encode() + b"\x00" + value, "sha256")

    def digester(self, purpose: str) -> hmac.HMAC:
        """Return an incremental HMAC with the same result as `digest` for this purpose (use).

        Feed it the value in pieces.
        """
        return hmac.new(self._key(purpose), purpose.encode() + b"\x00", "sha256")

    def earlier(self) -> "Keyring":
        """Return this keyring with `digest_key` for all purposes, as in older installations.

        It serves to compare values with the digests made there.
        """
        return replace(self, digest_keys={})

    def _key(self, purpose: str) -> bytes:
        return self.digest_keys.get(purpose.partition(".")[0], self.digest_key)

    def signs_receipts(self, instant: datetime) -> bool:
        """Return whether this process has a key for receipts whose certificate covers `instant`."""
        return self.receipts is not None and self.receipts.signs_at(instant)

    def sign_receipt(self, *, report_id: UUID, body: bytes, received_at: datetime) -> str:
        """Return the signed receipt of a report with these original bytes (`body`).

        Raises:
            KeyMissing: this process signs no receipts.
            OSError: the node's certificate has expired.
        """
        if self.receipts is None:
            raise KeyMissing("this process signs no receipts")
        return self.receipts.sign_receipt(report_id=report_id, body=body, received_at=received_at)


_installed: list[Keyring] = []


def install(keyring: Keyring) -> None:
    """Install `keyring` as the keyring of this process, replacing any earlier keyring."""
    _installed[:] = [keyring]


def current() -> Keyring:
    """Return the installed keyring.

    Raises:
        KeyMissing: no keyring was installed at start-up.
    """
    if not _installed:
        raise KeyMissing("no keyring is installed")
    return _installed[0]
