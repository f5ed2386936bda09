"""Cryptographic erasure: the wrapped keys are deleted, so that nobody can open the bytes left on disk.

Nor can anybody open their copies in backups of the files.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from django.db import connection, transaction
from msgspec import Struct, structs

from fanal.db import sql
from fanal.kernel import rights
from fanal.kernel.actors import Actor
from fanal.kernel.process import follow_folder
from fanal.ledger import operations as ledger
from fanal.vault import keyring, mark
from fanal.vault.domain.records import IDENTITY_KINDS
from fanal.vault.packs import file_path, make_folder

_NO_DIGEST = bytes(32)
_REPLAYED = "restore: erasure list replayed"
_DROP = "UPDATE vault_object o SET wrapped_key = NULL, erased_at = %s, sha256 = %s"
_DROPPED = "RETURNING o.id, o.owner_id, o.kind, o.pack_id IS NULL, o.created_at"


class Erasure(Struct, frozen=True, kw_only=True):
    """A line of the list of erasures, which is kept outside the database.

    `owner_id` is that of the erased objects, mostly a report; `kind` is their kind ("": all kinds); `at` is
    the time of the erasure, or of one kind that of the newest object erased. A restore erases the owner's
    objects of that kind made until `at`. If `kind` is "", or `at` is None (lines of the first lists had no
    time), it erases them whatever their date.
    """

    owner_id: UUID
    kind: str
    at: datetime | None


class _Dropped(NamedTuple):
    id: UUID
    owner_id: UUID
    kind: str
    has_file: bool
    created_at: datetime


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
        VaultNotOwn: another installation has taken the vault over.
    """
    rights.require(actor, right)
    if not owner_ids:
        return 0
    mark.require_unchanged(present=False)
    with transaction.atomic():
        found = sql.rows(
            f"{_DROP} WHERE o.owner_id = ANY(%s) AND o.erased_at IS NULL"
            f" AND (%s OR o.kind = ANY(%s)) {_DROPPED}",
            [now, _NO_DIGEST, list(owner_ids), not kinds, list(kinds)],
        )
        erased = [_Dropped(*row) for row in found]
        _remember(_lines(owner_ids, kinds, erased, now))
        _conclude(actor, owner_ids, kinds, erased, now=now, motive=motive)
    return len(erased)


def replay_erasures(*, actor: Actor, now: datetime, lines: Iterable[str]) -> int:
    """Repeat the erasures of an erasure list after a restore; return the number of sealed objects erased.

    `lines`: those of `erasures.log` (`parse_line`). A line of one kind erases its owner's objects of that
    kind made until its time; a line of all kinds ("") or without a time erases them whatever their date.
    Objects erased already are not counted.

    Raises:
        Refused: the actor is not the system.
        ValueError: a line is malformed; nothing is erased.
    """
    rights.require(actor, "pipeline.run")
    by_kind: dict[str, list[Erasure]] = {}
    for each in _newest([parse_line(line) for line in lines if line.strip()]):
        by_kind.setdefault(each.kind, []).append(each)
    return sum(_repeat(actor, kind, listed, now) for kind, listed in by_kind.items())


def write_erasure_list() -> Path:
    """Append the missing lines of the table of erasures to the file `vault/erasures.log`; return its path.

    The file serves to repeat erasures after a restore. It is written after the commit of each erasure,
    under a lock, and nothing is removed from it except an incomplete last line. A line that is missing
    after a crash is written by the next erasure or backup.

    Raises:
        OSError: the file cannot be written; the table has every line.
    """
    path = keyring.current().vault_folder / "erasures.log"
    make_folder(path.parent)
    found = sql.rows(
        "SELECT owner_id, kind, erased_at FROM vault_erasure ORDER BY erased_at, owner_id, kind"
    )
    if not found and not path.exists():
        return path
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        follow_folder(path)
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # until the close: other processes erase too
        kept = path.read_bytes()
        whole = kept[: kept.rfind(b"\n") + 1]
        if whole != kept:
            os.truncate(descriptor, len(whole))  # a line that a full disk tore
        known = set(whole.decode("utf-8", "replace").splitlines())
        missing = [line for line in map(_line, found) if line not in known]
        _write("".join(f"{line}\n" for line in missing).encode(), descriptor)
        if missing or whole != kept:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return path


def _write(text: bytes, descriptor: int) -> None:
    """Write all bytes of `text`: a full disk first accepts a part, and raises OSError only afterwards."""
    while text:
        text = text[os.write(descriptor, text) :]


def parse_line(line: str) -> Erasure:
    """Parse a line of the erasure list, a JSON object with `owner`, `kind` and, except in old lists, `at`.

    Raises:
        ValueError: the line is malformed.
    """
    try:
        value = json.loads(line)
        at = datetime.fromisoformat(value["at"]) if "at" in value else None
        if at is not None and at.tzinfo is None:
            raise ValueError("a time without its zone")
        return Erasure(owner_id=UUID(value["owner"]), kind=str(value["kind"]), at=at)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ValueError(f"no erasure: {line[:100]!r}") from error


def _lines(
    owner_ids: Sequence[UUID], kinds: Sequence[str], erased: Sequence[_Dropped], now: datetime
) -> list[Erasure]:
    """Return the lines for the list of an erasure: for all kinds, one for each owner, with the time `now`.

    An erasure of some `kinds` has one line for each owner and kind, with the time of the newest object
    erased. The time of the erasure would be wrong there: a restore would also erase an object that is dated
    before it and was stored only afterwards.
    """
    if not kinds:
        return [Erasure(owner_id=one, kind="", at=now) for one in owner_ids]
    newest: dict[tuple[UUID, str], datetime] = {}
    for one in erased:
        key = one.owner_id, one.kind
        newest[key] = max(one.created_at, newest.get(key, one.created_at))
    return [Erasure(owner_id=owner, kind=kind, at=at) for (owner, kind), at in newest.items()]


def _newest(listed: Iterable[Erasure]) -> list[Erasure]:
    """Return the newest erasure of each owner and kind; one without a time only if that pair has no other."""
    newest: dict[tuple[UUID, str], Erasure] = {}
    for each in listed:
        before = newest.setdefault((each.owner_id, each.kind), each)
        if each.at and (before.at is None or each.at > before.at):
            newest[each.owner_id, each.kind] = each
    return list(newest.values())


def _repeat(actor: Actor, kind: str, listed: Sequence[Erasure], now: datetime) -> int:
    """Erase the objects of a kind ("": all) as listed after a restore; return the number of objects erased.

    Of a kind, only the objects made until the time of their owner's erasure are erased; all of them if that
    has no time.
    """
    with transaction.atomic():
        found = sql.rows(
            f"{_DROP} FROM unnest(%s::uuid[], %s::timestamptz[]) AS was (owner_id, at)"
            " WHERE o.owner_id = was.owner_id AND o.erased_at IS NULL AND (%s = '' OR o.kind = %s)"
            f" AND (%s = '' OR was.at IS NULL OR o.created_at <= was.at) {_DROPPED}",
            [
                now,
                _NO_DIGEST,
                [e.owner_id for e in listed],
                [e.at for e in listed],
                kind,
                kind,
                kind,
            ],
        )
        erased = [_Dropped(*row) for row in found]
        owners = {one.owner_id for one in erased}
        _remember([structs.replace(e, at=e.at or now) for e in listed if e.owner_id in owners])
        if owners:
            kinds = [kind] if kind else []
            _conclude(actor, sorted(owners), kinds, erased, now=now, motive=_REPLAYED)
    return len(erased)


def _conclude(
    actor: Actor,
    owner_ids: Sequence[UUID],
    kinds: Sequence[str],
    erased: Sequence[_Dropped],
    *,
    now: datetime,
    motive: str,
) -> None:
    """Record an erasure in the ledger; at commit, unlink its files and extend the list on disk."""
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


def _remember(listed: Sequence[Erasure]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO vault_erasure (owner_id, kind, erased_at) VALUES (%s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            [(each.owner_id, each.kind, each.at) for each in listed],
        )


def _after_commit(erased: Sequence[_Dropped]) -> None:
    folder = keyring.current().vault_folder
    write_erasure_list()
    for each in erased:
        if each.has_file:
            file_path(folder, each.id).unlink(missing_ok=True)


def _line(row: tuple[UUID, str, datetime]) -> str:
    value = {"owner": str(row[0]), "kind": row[1], "at": row[2].astimezone(UTC).isoformat()}
    return json.dumps(value, separators=(",", ":"))
