"""Sources of lists: registration, switching on or off, and the storage of fetched pages.

The secret of a source is sealed or in a file. The changes of a fetched page and its checkpoint are stored in
one transaction. Entries with a stated end are withdrawn at that end in the same way, without a new statement
of the partner; so are values that people loaded from a file.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from django.db import connection, transaction
from msgspec import structs
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from fanal.accounts.domain.instructions import StandingInstruction
from fanal.accounts.domain.policy import require
from fanal.analyse.material.domain.lists import Item
from fanal.analyse.material.operations.lists import add_items, end_values, withdraw_items
from fanal.analyse.material.queries.entries import entries_of
from fanal.analyse.material.queries.lists import get_lists
from fanal.db import sql
from fanal.exchange import queries
from fanal.exchange.domain.records import ListSource, RemotePage, Service, TakenEntry
from fanal.exchange.domain.sharing import (
    MAX_NAME,
    Plan,
    checked_url,
    ended,
    items_of,
    plan,
    without,
)
from fanal.kernel.actors import Actor
from fanal.kernel.failpoints import failpoint
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef
from fanal.vault.domain.envelope import EnvelopeRefused
from fanal.vault.domain.records import Sealable
from fanal.vault.keyring import KeyMissing
from fanal.vault.operations.opening import ObjectUnknown, open_object
from fanal.vault.operations.sealing import seal_batch
from fanal.vault.packs import BlobDamaged, BlobMissing, VaultAway

_UNOPENED = (
    KeyMissing, ObjectUnknown, BlobMissing, BlobDamaged, EnvelopeRefused, VaultAway,
)  # fmt: skip
_LONGEST_SECRET = 4096


def add_source(
    *, actor: Actor, source: ListSource, secret: str = "", loopback: bool = False, now: datetime
) -> UUID:
    """Register a partner's service as source of a list, and return its id; `secret` is sealed.

    `loopback` allows http to this machine.

    Raises:
        Refused: the actor may not manage sources.
        Refusal: NAME (empty, over 100 characters or unprintable), ADDRESS (not a public URL), NOT_HTTPS (a
            plain http URL), COLLECTION (missing for TAXII, given for another kind, or malformed), SECRET (too
            long, or given with a secret file), LIST (unknown list), EXISTS (a source has this name).
    """
    require(actor, "source.manage")
    url = checked_url(source.url, loopback=loopback)
    _check(source, secret)
    secret_id = new_id(now) if secret else None
    with sql.unique(Refusal("exchange", "EXISTS")):
        if secret_id is not None:
            sealable = Sealable(
                id=secret_id, owner_id=source.id, kind="credential", plaintext=secret.encode()
            )
            seal_batch(items=[sealable], now=now)
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO exchange_source (id, name, kind, url, collection, login, secret_id,"
                " secret_file, list_id, every_minutes, enabled, added_at, added_by)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                [
                    source.id, source.name, source.kind, url, source.collection, source.login,
                    secret_id, source.secret_file, source.list_id, source.every_minutes,
                    source.enabled, now, actor.person_id,
                ],
            )  # fmt: skip
            cursor.execute("INSERT INTO exchange_checkpoint (source_id) VALUES (%s)", [source.id])
        _record_source(actor, "source.add", source, now=now)
    return source.id


def switch_source(*, actor: Actor, source: ListSource, enabled: bool, now: datetime) -> None:
    """Switch the scheduled fetches from a partner's list service on (`enabled`) or off.

    The list keeps its entries.

    Raises:
        Refused: the actor may not manage sources.
    """
    require(actor, "source.manage")
    with transaction.atomic():
        found = sql.run(
            "UPDATE exchange_source SET enabled = %s WHERE id = %s AND enabled <> %s",
            [enabled, source.id, enabled],
        )
        if found:
            _record_source(actor, "source.change", source, now=now)


FETCH_NOW: Final = "fetch_now"
"""Name of the worker's job that fetches a list source for a person."""
_SLOW_QUEUE: Final = "slow fetches"


def ask_fetch(*, actor: Actor, source: ListSource, now: datetime) -> None:
    """Have the worker fetch a partner's list now, for the actor: no standing instruction is needed.

    Raises:
        Refused: the actor may not manage sources and lists.
        Refusal: QUEUED: a fetch for a person waits already.
    """
    require(actor, "source.manage")
    require(actor, "list.keep")
    try:
        with transaction.atomic():
            _record_source(actor, "source.fetch", source, now=now)
            queue_fetch(source_id=source.id, person_id=actor.person_id)
    except AlreadyEnqueued:
        raise Refusal("exchange", "QUEUED") from None


def queue_fetch(*, source_id: UUID, person_id: UUID) -> None:
    """Queue the fetch of a list source for a person; it runs after any running fetch of the same source.

    Raises:
        AlreadyEnqueued: a fetch of this source for a person is queued already.
    """
    job = app.configure_task(
        FETCH_NOW,
        queue=_SLOW_QUEUE,
        lock=f"fetch_list:{source_id}",
        queueing_lock=f"{FETCH_NOW}:{source_id}",
    )
    job.defer(source_id=str(source_id), person_id=str(person_id))


def note_test(*, actor: Actor, source: ListSource, code: str, now: datetime) -> None:
    """Record in the ledger that a person tested the connection to a partner's list service (`source`).

    `code` is the reason of the failure, "" if the test succeeded.

    Raises:
        Refused: the actor may not manage sources.
    """
    require(actor, "source.manage")
    ledger.record(
        actor=actor,
        action="source.test",
        at=now,
        objects=[ObjectRef(kind="source", id=source.id)],
        detail={"failed": code},
    )


def secret_of(*, actor: Actor, source: ListSource, now: datetime) -> str:
    """Return the password for signing in at a list source, from the vault or its file; "" if it has none.

    Raises:
        Refused: the secret is sealed, and the actor may not manage sources.
        Refusal: SECRET_FILE (the file is unreadable), SECRET_SEALED (the vault does not open it).
    """
    if source.secret_id is not None:
        try:
            return open_object(
                actor=actor,
                object_id=source.secret_id,
                now=now,
                purpose="credential of a source",
                right="source.manage",
            ).decode()
        except _UNOPENED:
            raise Refusal("exchange", "SECRET_SEALED") from None
    if not source.secret_file:
        return ""
    try:
        with Path(source.secret_file).open("rb") as file:
            return file.read(_LONGEST_SECRET).decode().strip()
    except (OSError, UnicodeDecodeError):
        raise Refusal("exchange", "SECRET_FILE") from None


def _check(source: ListSource, secret: str) -> None:
    if not 1 <= len(source.name.strip()) <= MAX_NAME or not source.name.isprintable():
        raise Refusal("exchange", "NAME")
    if (source.kind is Service.TAXII) is not bool(source.collection):
        raise Refusal("exchange", "COLLECTION")
    if not (source.collection or "x").replace("-", "").isalnum() or len(source.collection) > 100:
        raise Refusal("exchange", "COLLECTION")
    texts = (source.login, secret)
    if any(len(text) > _LONGEST_SECRET or not text.isprintable() for text in texts):
        raise Refusal("exchange", "SECRET")
    if ":" in source.login or (secret and source.secret_file):
        raise Refusal("exchange", "SECRET")
    if source.list_id not in get_lists():
        raise Refusal("exchange", "LIST")


def _record_source(actor: Actor, action: str, source: ListSource, *, now: datetime) -> None:
    ledger.record(actor=actor, action=action, at=now, objects=_objects_of(source))


def _objects_of(source: ListSource) -> list[ObjectRef]:
    return [ObjectRef(kind="source", id=source.id), ObjectRef(kind="list", id=source.list_id)]


_PORTION: Final = 1_000


class TurnLost(Exception):
    """Error: another process stored a page of this list source meanwhile; the page at hand is discarded."""


def take_page(
    *,
    actor: Actor,
    source: ListSource,
    page: RemotePage,
    turn: int,
    under: StandingInstruction | None,
    now: datetime,
) -> int:
    """Apply a page to the source's list and advance its checkpoint, or neither; return the number of changes.

    A change is a partner's entry added, changed or withdrawn. `turn` is the checkpoint's turn when the page
    was requested. `under` is the standing instruction to cite; None if a person fetches.

    Raises:
        Refused: the actor may not manage lists.
        TurnLost: the checkpoint has advanced meanwhile; nothing is changed.
    """
    require(actor, "list.keep")
    name = get_lists()[source.list_id].name
    with transaction.atomic():
        if _lock(source.id) != turn:
            raise TurnLost
        known = queries.taken_entries(
            source_id=source.id, keys=[entry.key for entry in page.entries]
        )
        changes = plan(page.entries, known, fresh_ids=[new_id(now) for _ in page.entries])
        _apply(actor, source, changes, known, name=name, now=now)
        withdrawn = sum(1 for entry in changes.taken if not entry.held)
        _advance(source.id, page, taken=len(changes.taken) - withdrawn, gone=withdrawn, now=now)
        if changes.taken:
            _record(actor, source, changes, action="list.fetch", under=under, now=now)
        failpoint("fetch.stored")
    failpoint("fetch.committed")
    return len(changes.taken)


def end_entries(*, actor: Actor, source: ListSource, now: datetime) -> int:
    """Withdraw the entries of a source whose end of validity has passed; return how many.

    No standing instruction is needed: the partner stated the end beforehand, and nothing is requested.
    Entries are processed in batches of a thousand, each in its own transaction.

    Raises:
        Refused: the actor may not manage lists.
    """
    require(actor, "list.keep")
    name = get_lists()[source.list_id].name
    count = 0
    while True:
        with transaction.atomic():
            _lock(source.id)
            known = queries.taken_over(source_id=source.id, now=now, most=_PORTION)
            if not known:
                return count
            changes = plan(ended(known.values()), known, fresh_ids=())
            _apply(actor, source, changes, known, name=name, now=now)
            _count_gone(source.id, len(changes.taken))
            _record(actor, source, changes, action="list.end", under=None, now=now)
        count += len(changes.taken)


def end_loaded(*, actor: Actor, now: datetime) -> int:
    """Withdraw the values that people loaded from a file with an end date now past; return how many.

    A value that a source (partner's service) of the list contains too is added again as that source's.

    Raises:
        Refused: the actor may not manage lists.
    """
    return end_values(actor=actor, said_besides=_said_by_sources, now=now)


def _said_by_sources(list_id: UUID, pairs: Sequence[tuple[str, str]]) -> list[Item]:
    """Return list items with those (kind, value) pairs contained in a source of the list, each once.

    Pairs that no source contains are left out.
    """
    free = set(pairs)
    found = []
    for entry in queries.taken_holding(list_id=list_id, values=[f"{k}:{v}" for k, v in pairs]):
        for item in items_of(entry):
            if values := dict(item.values.items() & free):
                free -= values.items()
                found.append(structs.replace(item, values=values))
    return found


def note_failure(*, actor: Actor, source: ListSource, code: str, now: datetime) -> None:
    """Store why a fetch from a partner's list service failed (`code`); its checkpoint does not advance.

    `code` is that of the failure (`exchange_refusal` labels), `source` the service.

    Raises:
        Refused: the actor may not manage lists.
    """
    require(actor, "list.keep")
    sql.run(
        "UPDATE exchange_checkpoint SET error = %s, error_at = %s, tried_at = %s"
        " WHERE source_id = %s",
        [code, now, now, source.id],
    )


def _lock(source_id: UUID) -> int | None:
    """Lock the row with a list source's progress until the end of the transaction; return its `turn`.

    The turn is a number that grows with each stored page. The result is None if there is no such row.
    """
    row = sql.row(
        "SELECT turn FROM exchange_checkpoint WHERE source_id = %s FOR UPDATE", [source_id]
    )
    return None if row is None else int(row[0])


def _apply(
    actor: Actor,
    source: ListSource,
    changes: Plan,
    known: Mapping[str, TakenEntry],
    *,
    name: str,
    now: datetime,
) -> None:
    """Apply a plan (`changes`): store its partner's entries, then withdraw and add its items in our list.

    Values removed from an item that other entries also contain are added again, unless a person withdrew them
    here. `known` are the entries stored before, by the partner's key; `name` is that of the list.
    """
    _remember(source.id, [*changes.taken, *changes.noted])
    coming = list(changes.coming)
    before = [known[entry.remote] for entry in changes.taken if entry.remote in known]
    stated = {text for old in before for text in old.held}
    if changes.freed:
        shared = queries.taken_holding(list_id=source.list_id, values=changes.freed)
        coming += [item for entry in shared for item in items_of(entry)]
        fresh = {entry.item_id for entry in changes.taken}
        stated |= {text for e in shared if e.item_id not in fresh for text in e.held}
    withdrawn = _withdrawn_here(source.list_id, stated) if coming else set()
    if changes.leaving:
        withdraw_items(actor=actor, name=name, item_ids=changes.leaving, now=now, own=False)
    if coming := list(without(coming, withdrawn)):
        add_items(actor=actor, name=name, items=coming, now=now, own=False)


def _withdrawn_here(list_id: UUID, stated: set[str]) -> set[tuple[str, str]]:
    """Return the (kind, value) pairs that people of the desk withdrew from a list, among those of `stated`.

    `stated` are values as `KIND:value` that sources contain.
    """
    pairs = {(kind, value) for kind, _, value in (text.partition(":") for text in stated)}
    held = entries_of(values=pairs)
    return pairs - {(entry.kind, entry.value) for entry in held if entry.listed.id == list_id}


def _remember(source_id: UUID, taken: Sequence[TakenEntry]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO exchange_taken"
            " (source_id, remote, item_id, held, classification, at, ends_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (source_id, remote) DO UPDATE"
            " SET held = EXCLUDED.held, classification = EXCLUDED.classification, at = EXCLUDED.at,"
            " ends_at = EXCLUDED.ends_at",
            [
                (source_id, t.remote, t.item_id, list(t.held), t.classification, t.at, t.until)
                for t in taken
            ],
        )


def _advance(source_id: UUID, page: RemotePage, *, taken: int, gone: int, now: datetime) -> None:
    sql.run(
        "UPDATE exchange_checkpoint SET position = %s, turn = turn + 1, pages = pages + 1,"
        " taken = taken + %s, withdrawn = withdrawn + %s, page_at = %s, tried_at = %s,"
        " completed_at = coalesce(%s, completed_at), error = '', error_at = NULL"
        " WHERE source_id = %s",
        [page.position, taken, gone, now, now, now if page.finished else None, source_id],
    )


def _count_gone(source_id: UUID, gone: int) -> None:
    sql.run(
        "UPDATE exchange_checkpoint SET withdrawn = withdrawn + %s WHERE source_id = %s",
        [gone, source_id],
    )


def _record(
    actor: Actor,
    source: ListSource,
    changes: Plan,
    *,
    action: str,
    under: StandingInstruction | None,
    now: datetime,
) -> None:
    cited = [under.reference] if under else []
    objects = [*_objects_of(source), *cited, *map(_entered, changes.taken)]
    detail = {"count": len(changes.taken), **(under.cited if under else {})}
    ledger.record(actor=actor, action=action, at=now, objects=objects, detail=detail)


def _entered(entry: TakenEntry) -> ObjectRef:
    content = " ".join(entry.held).encode()
    digest = ledger.keyed_digest(kind="list_item", object_id=entry.item_id, content=content)
    return ObjectRef(kind="list_item", id=entry.item_id, digest=digest)
