"""The check that this machine mounts the vault of its database: a node with another would lose reports.

The vault holds a random file, `identity`; the database keeps its SHA-256 from the first migration on.
"""

import hashlib
import secrets
from pathlib import Path

import psycopg

from fanal.postgres.passwords import write_private

NAME = "identity"


class VaultElsewhere(Exception):
    """The machine mounts a vault other than its database's; the message gives the remedy."""


def claim_vault(owner_url: str, folder: Path) -> None:
    """Register the vault in `folder` for a database that has none; a registered vault is final.

    Raises:
        OSError: the vault is not writable.
    """
    with psycopg.connect(owner_url, autocommit=True, connect_timeout=10) as connection:
        if _stored(connection) is not None:
            return
        path = folder / NAME
        if not path.exists():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(path, secrets.token_hex(32))
        connection.execute(
            "INSERT INTO fanal_vault (digest) VALUES (%s) ON CONFLICT DO NOTHING",
            (_digest(path),),
        )


def check_vault(url: str, folder: Path) -> None:
    """Check that `folder` is the vault of the database at `url`; any role may sign in.

    A database without a registered vault accepts every folder.

    Raises:
        VaultElsewhere: the folder is the vault of another database, or no vault.
    """
    with psycopg.connect(url, connect_timeout=10) as connection:
        wanted = _stored(connection)
    if wanted is None:
        return
    try:
        found = _digest(folder / NAME)
    except OSError as error:
        raise VaultElsewhere(
            f"{folder} is not the vault of this database: its file '{NAME}' cannot be read "
            f"({error.strerror}). Mount the desk's vault and name it in FANAL_VAULT; after a loss, "
            "bring it back from a backup."
        ) from None
    if found != wanted:
        raise VaultElsewhere(
            f"{folder} is the vault of another database: what is sealed there, this desk never opens. "
            "Mount the desk's vault and name it in FANAL_VAULT."
        )


def _digest(path: Path) -> bytes:
    return hashlib.sha256(path.read_text().strip().encode()).digest()


def _stored(connection: psycopg.Connection[tuple[object, ...]]) -> bytes | None:
    known = connection.execute("SELECT to_regclass('public.fanal_vault') IS NOT NULL").fetchone()
    if known is None or not known[0]:
        return None
    row = connection.execute("SELECT digest FROM fanal_vault").fetchone()
    return bytes(row[0]) if row and isinstance(row[0], bytes) else None
