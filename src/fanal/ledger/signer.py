"""Keys and checkpoint file of the ledger, installed by `config/wiring.py`."""

from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fanal.ledger.domain.checkpoint import NoteKey


class SignerMissing(RuntimeError):
    """No ledger keys are installed, or this process may not sign."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerKeys:
    """The ledger keys of this process.

    `origin` names the log in checkpoints. `digest_key` (32 bytes) keys the digests. `signing_key` is None on
    nodes that write entries but sign no checkpoint. `known_keys` verify checkpoints: the current key and
    every earlier key. `checkpoint_file` is the append-only copy outside the database.
    """

    origin: str
    digest_key: bytes = field(repr=False)
    signing_key: Ed25519PrivateKey | None = field(default=None, repr=False)
    known_keys: tuple[NoteKey, ...] = ()
    checkpoint_file: Path | None = None


_installed: list[LedgerKeys] = []


def install(keys: LedgerKeys) -> None:
    """Install `keys` as the keys of this process, replacing any earlier ones."""
    _installed[:] = [keys]


def current() -> LedgerKeys:
    """Return the ledger keys of this process.

    Raises:
        SignerMissing: no keys were installed at start-up.
    """
    if not _installed:
        raise SignerMissing("no ledger keys are installed")
    return _installed[0]
