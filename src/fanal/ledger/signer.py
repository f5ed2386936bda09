"""The ledger's keys and places, handed down by `config/wiring.py`; nothing else reads them."""

from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fanal.ledger.domain.checkpoint import NoteKey


class SignerMissing(RuntimeError):
    """The registry is empty, or this process may not sign."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerKeys:
    """What this process holds of the ledger.

    `digest_key` (32 bytes) keys the digests. `signing_key` is None on nodes that write entries but
    sign no checkpoint. `known_keys` verify checkpoints: the present key and every earlier one.
    `checkpoint_file` is the append-only copy outside the database.
    """

    origin: str
    digest_key: bytes = field(repr=False)
    signing_key: Ed25519PrivateKey | None = field(default=None, repr=False)
    known_keys: tuple[NoteKey, ...] = ()
    checkpoint_file: Path | None = None


_installed: list[LedgerKeys] = []


def install(keys: LedgerKeys) -> None:
    """Make `keys` those of this process, in place of any before."""
    _installed[:] = [keys]


def current() -> LedgerKeys:
    """Return the installed keys.

    Raises:
        SignerMissing: wiring has installed none.
    """
    if not _installed:
        raise SignerMissing("no ledger keys are installed")
    return _installed[0]
