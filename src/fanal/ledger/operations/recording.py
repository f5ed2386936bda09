"""Writing to the ledger.

`record` and `record_batch` run inside the caller's transaction and only INSERT: an act and its entry
are committed together or not at all, and no lock is held. A public node may not even insert: it calls
the database's `ledger_record`, which takes its own acts and no others.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction

from fanal.db.copying import copy_in
from fanal.kernel import rights
from fanal.kernel.actors import Actor, Role
from fanal.kernel.ids import lowest_id, new_id
from fanal.ledger import signer
from fanal.ledger.domain import canonical
from fanal.ledger.domain.actions import Verb, verb_of
from fanal.ledger.domain.records import Entry, ObjectRef
from fanal.postgres import DatabaseRole

MAX_MOTIVE = 2000
MOTIVES_KEPT = timedelta(days=3 * 365)
"""How long the words of a motive stay: the journal's retention (FPR, décret 2010-569, art. 8)."""

_NEED_MOTIVE = frozenset({Verb.CONSULTATION, Verb.COMMUNICATION, Verb.TRANSFER})
_INSERT_ENTRY = (
    "INSERT INTO ledger_entry (id, at, actor_id, action, verb, body)"
    " VALUES (%s, %s, %s, %s, %s, %s)"
)
_RECORD = "SELECT ledger_record(%s, %s, %s, %s, %s, %s, %s::text[], %s::uuid[], %s::bytea[])"


class MotiveMissing(ValueError):
    """Personal data would be read or passed on without a motive."""


def keyed_digest(*, kind: str, object_id: UUID, content: bytes) -> bytes:
    """Return the keyed digest of an object's content, for `ObjectRef.digest` (16 bytes)."""
    return canonical.object_digest(
        key=signer.current().digest_key, kind=kind, object_id=object_id, content=content
    )


def record(
    *,
    actor: Actor,
    action: str,
    at: datetime,
    objects: Sequence[ObjectRef] = (),
    detail: Mapping[str, str | int] | None = None,
    motive: str = "",
) -> UUID:
    """Write one entry and return its id.

    `motive` defaults to the actor's. A consultation or communication needs one (article 101 of Loi
    78-17), except when a reporter or partner looks at what they sent. `detail` holds codes, ids and
    numbers, never words.

    Raises:
        MotiveMissing: data are read or passed on, and nobody says why.
        UnknownAction: the action is not in `domain/actions.toml`.
        ValueRefused: a detail or object kind has a forbidden shape, or the motive is too long.
    """
    entry = _build(
        actor=actor,
        action=action,
        at=at,
        objects=objects,
        detail=detail or {},
        motive=motive or actor.motive,
    )
    # One transaction even where the caller has none: a process that dies in between must not leave an
    # entry without its motive or objects.
    with transaction.atomic(savepoint=False):
        _insert(entry, motive or actor.motive, objects)
    return entry.id


def record_batch(
    *,
    actor: Actor,
    action: str,
    at: datetime,
    kind: str,
    items: Sequence[tuple[UUID, bytes]],
    detail: Mapping[str, str | int] | None = None,
    motive: str = "",
) -> UUID:
    """Write one entry for many objects of one kind and return its id.

    Each item is an object's id and the content (or result) it had, of which only the keyed digest is
    kept; empty content leaves no digest. The entry holds the Merkle root over all of them.

    Raises:
        UnknownAction, ValueRefused: as `record`.
    """
    key = signer.current().digest_key
    objects = [
        ObjectRef(
            kind=kind,
            id=object_id,
            digest=canonical.object_digest(key=key, kind=kind, object_id=object_id, content=content)
            if content
            else None,
        )
        for object_id, content in items
    ]
    return record(actor=actor, action=action, at=at, objects=objects, detail=detail, motive=motive)


def expire_motives(*, actor: Actor, before: datetime, now: datetime, limit: int = 10_000) -> int:
    """Delete the words of motives written before an instant, oldest first; return how many.

    The entries and their keyed digests stay. `before` must be at least three years back, the journal's
    retention: a younger motive that is missing is a finding of `fanal ledger verify`.

    Raises:
        Refused: the actor is not the system.
        ValueError: `before` is too late.
    """
    rights.require(actor, "pipeline.run")
    if before > now - MOTIVES_KEPT:
        raise ValueError("motives are kept for three years")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM ledger_motive WHERE entry_id IN (SELECT entry_id FROM ledger_motive"
            " WHERE entry_id < %s ORDER BY entry_id LIMIT %s)",
            [lowest_id(before), limit],
        )
        erased = int(cursor.rowcount)
        if erased:
            record(actor=actor, action="motive.erase", at=now, detail={"count": erased})
    return erased


def _build(
    *,
    actor: Actor,
    action: str,
    at: datetime,
    objects: Sequence[ObjectRef],
    detail: Mapping[str, str | int],
    motive: str,
) -> Entry:
    verb = verb_of(action)
    if not motive and verb in _NEED_MOTIVE and not actor.has(Role.PUBLIC, Role.PARTNER):
        raise MotiveMissing(f"{action} needs a motive")
    canonical.check_detail(detail)
    canonical.check_objects(objects)
    if len(motive) > MAX_MOTIVE or "\x00" in motive:
        raise canonical.ValueRefused("a motive has at most 2000 characters and no NUL")
    entry_id = new_id(at)
    key = signer.current().digest_key
    return Entry(
        id=entry_id,
        at=at,
        action=action,
        verb=verb,
        actor_id=actor.person_id,
        partner_id=actor.partner_id,
        detail=detail,
        motive_digest=canonical.motive_digest(key=key, entry_id=entry_id, motive=motive)
        if motive
        else None,
        object_count=len(objects),
        object_root=canonical.object_root(objects),
    )


def _insert(entry: Entry, motive: str, objects: Sequence[ObjectRef]) -> None:
    columns = (
        *(entry.id, entry.at, entry.actor_id, entry.action, entry.verb.value),
        canonical.encode(entry),
    )
    with connection.cursor() as cursor:
        if connection.settings_dict["USER"] == DatabaseRole.INTAKE.login:
            kinds, ids = [o.kind for o in objects], [o.id for o in objects]
            cursor.execute(_RECORD, (*columns, kinds, ids, [o.digest for o in objects]))
            return
        cursor.execute(_INSERT_ENTRY, columns)
        if motive:
            cursor.execute(
                "INSERT INTO ledger_motive (entry_id, motive) VALUES (%s, %s)", [entry.id, motive]
            )
        if objects:
            with copy_in(
                "COPY ledger_object (entry_id, object_id, kind, digest) FROM STDIN"
            ) as copy:
                # Codes, ids and hexadecimals: nothing of them needs an escape.
                copy.write(
                    "".join(
                        [
                            f"{entry.id.hex}\t{ref.id.hex}\t{ref.kind}\t"
                            + (f"\\\\x{ref.digest.hex()}\n" if ref.digest else "\\N\n")
                            for ref in objects
                        ]
                    )
                )
