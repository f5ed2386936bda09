"""Checks that this machine has the keys of its database, and mounts the vault (sealed files) of it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import psycopg
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from fanal.config.keys import (
    NO_KEY,
    SHARED_DIGESTS,
    VAULT_KEYS,
    KeysMissing,
    key_paths,
    keys_folder,
    read_key_file,
    read_verifier,
    shared_digest,
)
from fanal.postgres.roles import write_private
from fanal.vault.domain.envelope import key_fingerprint
from fanal.vault.mark import NAME, VaultMark, new_mark, read_mark

# Keys: with others the machine would seal unreadable data.
#
# The table `fanal_key` keeps a fingerprint of each shared key: SHA-256 over the purpose and the public key,
# or over the secret itself for a key without a public half (256 random bits: the hash reveals nothing).
# The rules, for each purpose:
#
# * the key in use must be registered in the database;
# * a desk machine must hold every registered key, a public node only the current ones;
# * new keys are made only for a purpose without a registered key.

PURPOSES = ("content", "identity", "digest", "ledger", "receipt-root", "secret")
_DERIVED = tuple(f"digest-{part}" for part in SHARED_DIGESTS)
"""Purposes of the keys derived from the desk's `digest.key`, which a node receives in its place."""
_PUBLIC_NODE = ("content", "identity", "ledger", "receipt-root", *_DERIVED)
_FILES = {
    "content": "content-N",
    "identity": "identity-N",
    "digest": "digest.key",
    "ledger": "ledger-N.vkey",
    "receipt-root": "receipt-root.pub",
    "secret": "secret_key",
    **{purpose: f"{purpose}.key" for purpose in _DERIVED},
}
_LOCK = 0x46414E414B  # "FANAK"

_Connection = psycopg.Connection[tuple[object, ...]]
Held = Mapping[str, tuple[bytes, ...]]
"""Fingerprints of the keys on this machine, by purpose; the last one belongs to the key in use."""
Known = Mapping[str, Mapping[bytes, datetime]]
"""Fingerprints registered in the database, by purpose, each with the time of its registration."""


class KeysElsewhere(Exception):
    """Error: the machine lacks registered keys of its database, or holds others; the message names them."""


def read_held(home: Path, *, public_node: bool, secret: str) -> dict[str, tuple[bytes, ...]]:
    """Return the fingerprints of the keys in the data folder `home`, by purpose (use of a key).

    A purpose such as `ledger` without key files has an empty tuple. On a desk machine (not `public_node`) a
    vault key counts only with its private half. `secret` is `FANAL_SECRET_KEY`; if it is empty, the file
    `secret_key` is read instead.

    Raises:
        KeysMissing: a file is unreadable, or holds no key.
    """
    folder = keys_folder(home)
    found: dict[str, tuple[bytes, ...]] = {}
    for group in VAULT_KEYS:
        paths = [
            path
            for path in key_paths(folder, (group,), "pub")
            if public_node or path.with_suffix(".key").exists()
        ]
        found[group] = tuple(key_fingerprint(group, _public_bytes(path)) for path in paths)
    vkeys = (read_verifier(path) for path in key_paths(folder, ("ledger",), "vkey"))
    found["ledger"] = tuple(key_fingerprint("ledger", k.public.public_bytes_raw()) for k in vkeys)
    root = folder / "receipt-root.pub"
    found["receipt-root"] = _single("receipt-root", _public_bytes(root) if root.exists() else b"")
    for purpose, name in (("digest", "digest.key"), ("secret", "secret_key")):
        path = folder / name
        found[purpose] = _single(purpose, read_key_file(path).encode() if path.exists() else b"")
    for part, purpose in zip(SHARED_DIGESTS, _DERIVED, strict=True):
        held = (folder / "digest.key").exists() or (folder / f"{purpose}.key").exists()
        found[purpose] = _single(purpose, shared_digest(folder, part) if held else b"")
    if secret:
        found["secret"] = _single("secret", secret.encode())
    return found


def read_known(connection: _Connection) -> dict[str, dict[bytes, datetime]]:
    """Return the fingerprints of keys registered in the database, with the time of registration.

    They are by purpose (use of a key, such as `ledger`). The result is empty before the first registration.
    """
    known: dict[str, dict[bytes, datetime]] = {}
    if not _has_table(connection):
        return known
    for purpose, fingerprint, since in connection.execute(
        "SELECT purpose, fingerprint, since FROM fanal_key ORDER BY since, fingerprint"
    ).fetchall():
        if isinstance(fingerprint, bytes) and isinstance(since, datetime):
            known.setdefault(str(purpose), {})[fingerprint] = since
    return known


def complaints(held: Held, known: Known, *, public_node: bool) -> list[str]:
    """Return messages about missing or unregistered keys on this machine; empty if all keys are right.

    `held` are the fingerprints of the keys here, `known` those registered in the database, both by purpose
    (the use of a key, such as `ledger`). A public node needs only some of the keys.
    """
    missing, other = [], []
    for purpose in _PUBLIC_NODE if public_node else PURPOSES:
        here, there = held.get(purpose, ()), known.get(purpose, {})
        lacking = [since for fingerprint, since in there.items() if fingerprint not in here]
        if there and not here:
            missing.append(_FILES[purpose])
        elif there and here[-1] not in there:
            other.append(_FILES[purpose])
        elif lacking and not public_node:
            missing.append(f"{_FILES[purpose]} of {min(lacking):%Y-%m-%d}")
    found = [f"{', '.join(missing)}: missing"] if missing else []
    return found + ([f"{', '.join(other)}: not those that the database knows"] if other else [])


def check_keys(url: str, held: Held, *, home: Path, public_node: bool) -> None:
    """Check that this machine holds the keys of the database at `url`; any role may sign in.

    `held` are the fingerprints of the keys here by purpose (use of the key; `read_held`), `home` is the data
    folder, for the message. A public node needs only some of them.

    Raises:
        KeysElsewhere: the machine lacks a registered key, or uses another one.
        psycopg.Error: the database does not answer.
    """
    with psycopg.connect(url, connect_timeout=10) as connection:
        found = complaints(held, read_known(connection), public_node=public_node)
    if found:
        where = "that 'fanal keys node' writes" if public_node else "of the desk's first machine"
        raise KeysElsewhere(
            f"{keys_folder(home)} does not hold the keys of this database ({'; '.join(found)}). "
            f"Bring the key files {where}, or a safe copy; none is made in their place"
        )


def may_be_made(connection: _Connection, *, fresh: bool) -> frozenset[str]:
    """Return the purposes for which this machine may create a key: those without a registered key.

    A purpose names the use of a key, such as `ledger`. `fresh`: the database has no tables yet. A database
    with tables but without any registered key comes from an earlier version: its keys exist, so that no
    purpose is returned.
    """
    known = read_known(connection)
    if not known and not fresh:
        return frozenset()
    return frozenset(PURPOSES) - frozenset(known)


def register_keys(owner_url: str, held: Held, *, home: Path) -> None:
    """Register in the database the keys of this machine (`held`) that it does not know yet.

    `owner_url` is the database URL of the owner role, `home` the data folder, for messages. `held` are
    fingerprints by purpose (use of the key; `read_held`). A folder without any key registers nothing: the
    owner may migrate from a machine of its own. Nor does a database without a table of keys, restored from a
    backup of an earlier version. Keys of one purpose are added only if the machine holds all registered ones.

    Raises:
        KeysElsewhere: the machine lacks registered keys.
        psycopg.Error: the database does not answer.
    """
    if not any(held[purpose] for purpose in PURPOSES if purpose != "secret"):
        return
    with psycopg.connect(owner_url, connect_timeout=10) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        if not _has_table(connection):
            return  # restored from a backup of an earlier version: 'fanal migrate' comes next
        known = read_known(connection)
        for purpose in (*PURPOSES, *_DERIVED):
            if set(known.get(purpose, {})) <= set(held[purpose]):
                for fingerprint in held[purpose]:
                    _insert(connection, purpose, fingerprint)
    check_keys(owner_url, held, home=home, public_node=False)


@contextmanager
def replacing_keys(
    owner_url: str, held: Held, purposes: Sequence[str], *, home: Path
) -> Iterator[None]:
    """Replace the registered key fingerprints of `purposes` by those of this machine (`held`), as the owner.

    A purpose is the use of a key, such as `ledger`. For the purpose `digest`, the fingerprints of the keys
    derived from it are replaced too. Nothing is replaced if the block fails, which records the replacement.
    `owner_url` is the owner's database URL, `home` the data folder, for the message.

    Raises:
        KeysMissing: this machine has no key of one of the purposes.
        KeysElsewhere: this machine lacks a registered key of another purpose, or holds another one.
    """
    for purpose in purposes:
        if not held[purpose]:
            raise KeysMissing(f"{_FILES[purpose]} is missing")
    with psycopg.connect(owner_url, connect_timeout=10) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        for each in (*purposes, *(_DERIVED if "digest" in purposes else ())):
            connection.execute("DELETE FROM fanal_key WHERE purpose = %s", (each,))
            for fingerprint in held[each]:
                _insert(connection, each, fingerprint)
        if found := complaints(held, read_known(connection), public_node=False):
            raise KeysElsewhere(
                f"{keys_folder(home)} does not hold the other keys of this database ({'; '.join(found)})."
                " Bring them, or accept all that are lost at once; none is accepted"
            )
        yield


def _has_table(connection: _Connection, name: str = "fanal_key") -> bool:
    there = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (f"public.{name}",)).fetchone()
    return there is not None and there[0] is True


def _insert(connection: _Connection, purpose: str, fingerprint: bytes) -> None:
    connection.execute(
        "INSERT INTO fanal_key (purpose, fingerprint) VALUES (%s, %s) ON CONFLICT DO NOTHING",
        (purpose, fingerprint),
    )


def _single(purpose: str, material: bytes) -> tuple[bytes, ...]:
    return (key_fingerprint(purpose, material),) if material else ()


def _public_bytes(path: Path) -> bytes:
    try:
        key = serialization.load_pem_public_key(read_key_file(path).encode())
    except NO_KEY as error:
        raise KeysMissing(f"{path.name}: {error}") from None
    if not isinstance(key, X25519PublicKey | Ed25519PublicKey):
        raise KeysMissing(f"{path.name} is of another kind")
    return key.public_bytes_raw()


# The vault: a node with another would lose reports.
#
# The vault holds a random file, `identity`; the database keeps its SHA-256 from the first migration on, and a
# restore gives both a new one.


class VaultElsewhere(Exception):
    """Error: the machine mounts a vault other than its database's; the message gives the remedy."""


def claim_vault(owner_url: str, folder: Path) -> None:
    """Register the vault in `folder` as that of the database, unless the database has one already.

    Only a restore replaces a registration. A file with a random mark is created in the folder; the database
    stores its digest. `owner_url` is the URL of the database's owner.

    Raises:
        OSError: the vault is not writable.
        psycopg.Error: the database does not answer.
    """
    with psycopg.connect(owner_url, autocommit=True, connect_timeout=10) as connection:
        if _stored(connection) is not None:
            return
        path = folder / NAME
        if not path.exists():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(path, new_mark().text)
        connection.execute(
            "INSERT INTO fanal_vault (digest) VALUES (%s) ON CONFLICT DO NOTHING",
            (read_mark(folder).digest,),
        )


def register_mark(connection: _Connection, mark: VaultMark) -> None:
    """Register the vault with this mark as that of a restored database, in place of the one in the backup.

    `connection` belongs to the owner. A database without a table for it, restored from a backup of an earlier
    version, registers its vault at the next migration.
    """
    if _has_table(connection, "fanal_vault"):
        connection.execute(
            "INSERT INTO fanal_vault (digest) VALUES (%s)"
            " ON CONFLICT (only_row) DO UPDATE SET digest = excluded.digest",
            (mark.digest,),
        )


def check_vault(url: str, folder: Path) -> None:
    """Check that `folder` is the vault of the database at `url`; any role may sign in.

    A database without a registered vault accepts every folder.

    Raises:
        VaultElsewhere: the folder is the vault of another database, or no vault.
        psycopg.Error: the database does not answer.
    """
    with psycopg.connect(url, connect_timeout=10) as connection:
        wanted = _stored(connection)
    if wanted is None:
        return
    try:
        found = read_mark(folder).digest
    except OSError as error:
        raise VaultElsewhere(
            f"{folder} is not the vault of this database: its file '{NAME}' cannot be read "
            f"({error.strerror}). Mount the desk's vault and name it in FANAL_VAULT; after a loss, "
            "restore a backup."
        ) from None
    if found != wanted:
        raise VaultElsewhere(
            f"{folder} is the vault of another database: what is sealed there, this desk never opens. "
            "Mount the desk's vault and name it in FANAL_VAULT."
        )


def _stored(connection: psycopg.Connection[tuple[object, ...]]) -> bytes | None:
    if not _has_table(connection, "fanal_vault"):
        return None
    row = connection.execute("SELECT digest FROM fanal_vault").fetchone()
    return bytes(row[0]) if row and isinstance(row[0], bytes) else None
