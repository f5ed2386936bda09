"""Whether a machine holds the keys of its database: a node with others seals what the desk never opens.

The table `fanal_key` keeps a fingerprint of each shared key: SHA-256 over the purpose and the public key, or
over the secret itself where a key has no public half (256 random bits, so that the hash tells nothing). The
rule, for each purpose:

* the key in use is one that the database knows;
* a desk machine holds every key that the database knows, a public node needs the present ones only;
* keys are made where the database knows none.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import psycopg
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from fanal.config.keys import (
    SHARED_DIGESTS,
    VAULT_KEYS,
    KeysMissing,
    key_paths,
    keys_folder,
    read_key_file,
    read_verifier,
    shared_digest,
)
from fanal.vault.domain.envelope import key_fingerprint

PURPOSES = ("content", "identity", "digest", "ledger", "receipt-root", "secret")
_DERIVED = tuple(f"digest-{part}" for part in SHARED_DIGESTS)
"""What a node is given in place of the desk's `digest.key`, from which they are derived."""
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
"""Fingerprints by purpose; the last one is that of the key in use."""
Known = Mapping[str, Mapping[bytes, datetime]]
"""Fingerprints that the database knows, by purpose, each with the instant since when."""


class KeysElsewhere(Exception):
    """A machine holds other keys than its database's, or lacks some; the text says which."""


def read_held(home: Path, *, public_node: bool, secret: str) -> dict[str, tuple[bytes, ...]]:
    """Return the fingerprints of the keys of this folder; empty for a purpose whose files are missing.

    A vault key counts on a desk machine with its private half only. `secret` is `FANAL_SECRET_KEY`, empty
    when the file `secret_key` stands for it.

    Raises:
        KeysMissing: a file cannot be read, or holds no key.
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
    """Return what the database knows of its keys; empty before the first registration."""
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
    """Return what is wrong with the keys of this machine, in words; nothing where they fit."""
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
    """Return when this machine holds the keys of the database at `url`, whatever the role signed in.

    Raises:
        KeysElsewhere: it lacks some, or holds others.
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
    """Return the purposes of which the database knows no key yet, so that this machine may make one.

    A database with tables and without any fingerprint comes from an earlier version: its keys exist.
    """
    known = read_known(connection)
    if not known and not fresh:
        return frozenset()
    return frozenset(PURPOSES) - frozenset(known)


def register_keys(owner_url: str, held: Held, *, home: Path) -> None:
    """Note the keys of this machine that the database does not know yet.

    A folder without any key registers nothing: the owner may migrate from a machine of its own.

    Raises:
        KeysElsewhere: the machine lacks keys that the database knows.
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


def replace_key(owner_url: str, held: Held, purpose: str) -> None:
    """Let the keys of this machine stand for a purpose in place of all that the database knew.

    Raises:
        KeysMissing: there is none here.
    """
    if not held[purpose]:
        raise KeysMissing(f"{_FILES[purpose]} is missing")
    with psycopg.connect(owner_url, connect_timeout=10) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        for each in (purpose, *(_DERIVED if purpose == "digest" else ())):
            connection.execute("DELETE FROM fanal_key WHERE purpose = %s", (each,))
            for fingerprint in held[each]:
                _insert(connection, each, fingerprint)


def _has_table(connection: _Connection) -> bool:
    there = connection.execute("SELECT to_regclass('public.fanal_key') IS NOT NULL").fetchone()
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
    except ValueError as error:
        raise KeysMissing(f"{path.name}: {error}") from None
    if not isinstance(key, X25519PublicKey | Ed25519PublicKey):
        raise KeysMissing(f"{path.name} is of another kind")
    return key.public_bytes_raw()
