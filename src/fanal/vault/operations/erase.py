"""Cryptographic erasure: the wrapped keys are deleted, so that nobody can open the bytes left on disk.

That includes the bytes in backups of the files.
"""

import json
import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from uuid import UUID

from django.db import connection, transaction

from fanal.db import sql
from fanal.kernel import rights
from fanal.kernel.actors import Actor
from fanal.kernel.process import follow_folder
from fanal.ledger import operations as ledger
from fanal.vault import keyring
from fanal.vault.domain.records import IDENTITY_KINDS
from fanal.vault.packs import file_path, make_folder

_ERASED_DIGEST = bytes(32)


def erase(
    *,
    actor: Actor,
    owner_ids: Sequence[UUID],
    now: datetime,
    kinds: Sequence[str] = (),
    motive: str = "",
    right: str = "pipeline.run",
) -> int:
    """Erase the objects sealed for owners (only of `kinds`, if given); return the number of objects.

    An owner is the id under which objects were sealed, mostly a report's. Wrapped keys and plaintext hashes
    are deleted in the caller's transaction, with one ledger entry. At commit, files are unlinked and the
    erasure list outside the database is extended. The caller must check legal holds and retention dates.
    `right` is the policy action under which the objects are erased, `motive` the purpose in the ledger.

    Raises:
        Refused: the policy gives the actor that action nowhere.
    """
    rights.require(actor, right)
    if not owner_ids:
        return 0
    with transaction.atomic():
        erased = _drop_keys(owner_ids, kinds, now)
        listed = [(owner_id, kind) for owner_id in owner_ids for kind in kinds or [""]]
        _remember(listed, now)
        only_identity = bool(kinds) and IDENTITY_KINDS.issuperset(kinds)
        ledger.record_batch(
            actor=actor,
            action="identity.erase" if only_identity else "object.erase",
            at=now,
            kind="owner",
            items=[(owner_id, b"") for owner_id in owner_ids],
            detail={"objects": len(erased)},
            motive=motive,
        )
        transaction.on_commit(partial(_after_commit, erased))
    return len(erased)


def replay_erasures(*, actor: Actor, now: datetime, lines: Iterable[str]) -> int:
    """Repeat the erasures of an erasure list after a restore; return the number of sealed objects.

    `lines`: those of `erasures.log` (`parse_line`).

    Raises:
        Refused: the actor is not the system.
        ValueError: a line is malformed; nothing is erased.
    """
    by_kind: dict[str, list[UUID]] = {}
    for line in lines:
        if line.strip():
            owner_id, kind = parse_line(line)
            by_kind.setdefault(kind, []).append(owner_id)
    total = 0
    for kind, listed in by_kind.items():
        owners = _not_yet_erased(listed, kind)
        total += erase(
            actor=actor,
            owner_ids=owners,
            now=now,
            kinds=[kind] if kind else [],
            motive="restore: erasure list replayed",
        )
    return total


def write_erasure_list() -> Path:
    """Append the missing lines of the table of erasures to the file `vault/erasures.log`; return its path.

    The file serves to repeat erasures after a restore. It is written after the commit of each erasure; a line
    that a crash prevented is written by the next erasure or backup.
    """
    path = keyring.current().vault_folder / "erasures.log"
    make_folder(path.parent)
    known = set(path.read_text().splitlines()) if path.exists() else set()
    found = sql.rows("SELECT owner_id, kind FROM vault_erasure ORDER BY erased_at, owner_id, kind")
    missing = [line for line in map(_line, found) if line not in known]
    if missing:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            follow_folder(path)
            os.write(descriptor, "".join(f"{line}\n" for line in missing).encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    return path


def parse_line(line: str) -> tuple[UUID, str]:
    """Parse a line of the erasure list into the owner (mostly a report) and kind of erased sealed objects.

    An empty kind means all kinds.

    Raises:
        ValueError: the line is malformed.
    """
    try:
        value = json.loads(line)
        return UUID(value["owner"]), str(value["kind"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no erasure: {error}") from None


def _not_yet_erased(owner_ids: Sequence[UUID], kind: str) -> list[UUID]:
    found = sql.rows(
        "SELECT DISTINCT owner_id FROM vault_object"
        " WHERE owner_id = ANY(%s) AND erased_at IS NULL AND (%s = '' OR kind = %s)",
        [list(owner_ids), kind, kind],
    )
    return [row[0] for row in found]


def _drop_keys(
    owner_ids: Sequence[UUID], kinds: Sequence[str], now: datetime
) -> list[tuple[UUID, bool]]:
    found = sql.rows(
        "UPDATE vault_object SET wrapped_key = NULL, erased_at = %s, sha256 = %s"
        " WHERE owner_id = ANY(%s) AND erased_at IS NULL AND (%s OR kind = ANY(%s))"
        " RETURNING id, pack_id IS NULL",
        [now, _ERASED_DIGEST, list(owner_ids), not kinds, list(kinds)],
    )
    return [(row[0], row[1]) for row in found]


def _remember(listed: Sequence[tuple[UUID, str]], now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO vault_erasure (owner_id, kind, erased_at) VALUES (%s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            [(owner_id, kind, now) for owner_id, kind in listed],
        )


def _after_commit(erased: Sequence[tuple[UUID, bool]]) -> None:
    folder = keyring.current().vault_folder
    write_erasure_list()
    for object_id, has_file in erased:
        if has_file:
            file_path(folder, object_id).unlink(missing_ok=True)


def _line(row: tuple[UUID, str]) -> str:
    return json.dumps({"owner": str(row[0]), "kind": row[1]}, separators=(",", ":"))
