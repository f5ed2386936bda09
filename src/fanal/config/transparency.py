"""The keys of the transparency log, `transparency-N.key` and `.vkey`: creation and loading."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fanal.config.environment import Environment
from fanal.config.keys import (
    key_paths,
    keys_folder,
    load_signing,
    present,
    private_text,
    read_verifier,
)
from fanal.ledger.domain.checkpoint import NoteKey
from fanal.measures.transparency.log import LogKeys
from fanal.postgres.roles import write_private

FOLDER = "transparency"
"""Name of the folder of the published log in the data folder, and of the group of its keys."""


def ensure_log_keys(home: Path, *, origin: str) -> LogKeys:
    """Return the keys of the transparency log; they are made at the first call, for a log named `origin`.

    `home` is the data folder.

    Raises:
        KeysMissing: the signing key of a log that has a verifier key is missing, or a file is malformed.
        OSError: a file cannot be written.
    """
    folder = keys_folder(home)
    if next(key_paths(folder, (FOLDER,), "vkey"), None) is None:
        key = Ed25519PrivateKey.generate()
        write_private(folder / f"{FOLDER}-0001.key", private_text(key))
        verifier = NoteKey(name=origin, public=key.public_key()).encode()
        write_private(folder / f"{FOLDER}-0001.vkey", f"{verifier}\n")
    path = present(folder, FOLDER, "vkey")
    return LogKeys(signing=load_signing(path.with_suffix(".key")), known=log_verifiers(home))


def origin_of(environment: Environment) -> str:
    """Return the name of the transparency log of an installation."""
    return f"{environment.ledger_origin}/{FOLDER}"


def log_keys_here(make: bool, *, home: Path, origin: str) -> LogKeys | None:
    """Return the keys of the log in the data folder `home`; None without any, unless they are to be made.

    Raises:
        KeysMissing: the signing key of a log that has a verifier key is missing, or a file is malformed.
        OSError: a file cannot be written.
    """
    if not make and next(key_paths(keys_folder(home), (FOLDER,), "vkey"), None) is None:
        return None
    return ensure_log_keys(home, origin=origin)


def log_verifiers(home: Path) -> tuple[NoteKey, ...]:
    """Return the verifier keys of the transparency log, the newest last. `home` is the data folder.

    Raises:
        KeysMissing: there is none, or a file is malformed.
    """
    folder = keys_folder(home)
    present(folder, FOLDER, "vkey")
    return tuple(read_verifier(path) for path in key_paths(folder, (FOLDER,), "vkey"))
