"""Operations on the directory of addressees: a new version, an import, confirmation by a second person."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from django.db import DatabaseError, transaction

from fanal.accounts.domain.policy import Resource, allows, require, require_somewhere
from fanal.accounts.queries.people import granted_by_alone
from fanal.db import sql
from fanal.harmonise.domain.written_otherwise import skeleton
from fanal.kernel.actors import Actor, Role
from fanal.kernel.calendar import paris_day
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef
from fanal.measures.addressees import views
from fanal.measures.addressees.csv_file import Row
from fanal.measures.addressees.records import Entry, EntryState, Field, NewEntry, Version
from fanal.measures.addressees.rules import checked_entry, facts_of
from fanal.measures.models import StoredAddressee, StoredAddresseeSecond

_LOCK = 0x41444452
"""The advisory lock of the directory, also taken by the triggers."""
_SECOND = frozenset({Role.SUPERVISOR, Role.MEASURES_OFFICER})


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """The result of an import: numbers of entries `added`, `changed` and `unchanged`, or its `faults`.

    A fault is a pair of a line of the file and the code of its refusal (label kind `addressee_refusal`). If
    there is any, nothing was imported.
    """

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    faults: tuple[tuple[int, str], ...] = ()


def write_entry(
    *,
    actor: Actor,
    entry: NewEntry,
    now: datetime,
    addressee_id: UUID | None = None,
    version: int = 0,
) -> UUID:
    """Write a new addressee, or a new version of one, and return its id.

    Values that direct measures to it (`records.DIRECTING`) take effect once another person has confirmed
    them; values that the new version drops end at once. `addressee_id` is the addressee to change, `version`
    the number of the version that the author saw.

    Raises:
        Refusal: kind `addressee`: those of `rules.checked_entry`; NOT_FOUND; CHANGED: `version` is not the
            newest; UNCHANGED: it states nothing new; NAME_TAKEN: another addressee has this name.
        Refused: the actor may not keep the directory.
    """
    require(actor, "addressee.keep")
    asked = checked_entry(entry, today=paris_day(now))
    with transaction.atomic():
        _lock()
        held = None if addressee_id is None else views.find_entry(addressee_id)
        if addressee_id is not None and held is None:
            raise Refusal("addressee", "NOT_FOUND")
        if held is not None and held.newest.version != version:
            raise Refusal("addressee", "CHANGED")
        name = _key(asked.values[Field.NAME][0])
        others = (one for one in views.list_entries(actor=actor) if one.id != addressee_id)
        if any(_key(one.name) == name for one in others):
            raise Refusal("addressee", "NAME_TAKEN")
        made = _write(actor=actor, asked=asked, held=held, now=now)
    if made is None:
        raise Refusal("addressee", "UNCHANGED")
    return made


def import_entries(*, actor: Actor, rows: Sequence[Row], now: datetime) -> Imported:
    """Write the entries of a file (`csv_file.read_rows`) all together, or none if one row is refused.

    An entry replaces the stated fields of the addressee with the same name; its other fields are kept.
    Importing the same file again changes nothing.

    Raises:
        Refused: the actor may not keep the directory.
    """
    require(actor, "addressee.keep")
    today, faults = paris_day(now), [(row.line, row.fault) for row in rows if row.fault]
    stated = [(row.line, row.entry) for row in rows if row.entry is not None]
    with transaction.atomic():
        _lock()
        known = {_key(one.name): one for one in views.list_entries(actor=actor)}
        entries: dict[str, tuple[NewEntry, Entry | None]] = {}
        for line, entry in stated:
            key = _key(next(iter(entry.values.get(Field.NAME, ())), ""))
            held = known.get(key)
            try:
                asked = checked_entry(_joined(entry, held), today=today)
            except Refusal as refused:
                faults.append((line, refused.code))
                continue
            if key in entries:
                faults.append((line, "REPEATED"))
            entries[key] = (asked, held)
        if faults:
            return Imported(faults=tuple(sorted(faults)))
        added = changed = 0
        for asked, held in entries.values():
            made = _write(actor=actor, asked=asked, held=held, now=now)
            added += made is not None and held is None
            changed += made is not None and held is not None
    return Imported(added=added, changed=changed, unchanged=len(entries) - added - changed)


def confirm_entry(*, actor: Actor, addressee_id: UUID, version: int, now: datetime) -> None:
    """Confirm an addressee's version as second person: measures may then be sent to its addresses.

    Raises:
        Refusal: kind `addressee`: NOT_FOUND; CHANGED: `version` is not the newest; NOT_WAITING: all its
            values are confirmed already, or it has no address, or is closed; SAME_PERSON: the actor wrote a
            version since the last confirmation; GRANTED_BY_PROPOSER: the actor's role was granted by such an
            author alone.
        Refused: the actor may not confirm addresses.
    """
    require_somewhere(actor, "addressee.confirm")
    entry = views.find_entry(addressee_id)
    if entry is None:
        raise Refusal("addressee", "NOT_FOUND")
    if entry.newest.version != version:
        raise Refusal("addressee", "CHANGED")
    if entry.state is not EntryState.WAITING:
        raise Refusal("addressee", "NOT_WAITING")
    if not may_confirm(actor, entry):
        raise Refusal("addressee", "SAME_PERSON")
    if granted_by_alone(person_id=actor.person_id, roles=_SECOND, proposers=entry.authors, now=now):
        raise Refusal("addressee", "GRANTED_BY_PROPOSER")
    try:
        with transaction.atomic():
            StoredAddresseeSecond.objects.create(
                addressee_id=addressee_id,
                version=version,
                second_id=actor.person_id,
                seconded_at=now,
            )
            _log(actor=actor, action="addressee.confirm", now=now, version=entry.newest)
    except DatabaseError as error:  # changed or confirmed in the meantime
        raise Refusal("addressee", "CHANGED") from error


def may_confirm(actor: Actor, entry: Entry) -> bool:
    """Return whether the policy lets the actor confirm the entry, given the authors still to confirm."""
    return all(
        allows(actor, "addressee.confirm", Resource(owner_id=author)).allowed
        for author in entry.authors
    )


def _lock() -> None:
    sql.run("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def _key(name: str) -> str:
    """Return the comparison key of a name, equal for names that look alike, whatever their case and signs."""
    return skeleton(name) or " ".join(name.split()).casefold()


def _joined(stated: NewEntry, held: Entry | None) -> NewEntry:
    """Return an imported entry with the values of fields that it leaves out, from the version before."""
    if held is None:
        return stated
    kept = {field: held.newest.values(field) for field in Field}
    values = kept | dict(stated.values)
    return msgspec.structs.replace(stated, values=values, closed=held.newest.closed)


def _write(*, actor: Actor, asked: NewEntry, held: Entry | None, now: datetime) -> UUID | None:
    """Write a version with its ledger entry and return the addressee's id; None if nothing would change."""
    before = held.newest if held else None
    facts = facts_of(asked, before.facts if before else ())
    if before and (facts, asked.closed) == (before.facts, before.closed):
        return None
    version = Version(
        addressee_id=before.addressee_id if before else new_id(now),
        version=before.version + 1 if before else 1,
        closed=asked.closed,
        facts=facts,
        author_id=actor.person_id,
        written_at=now,
    )
    StoredAddressee.objects.create(
        id=version.addressee_id,
        version=version.version,
        closed=version.closed,
        facts=msgspec.to_builtins(facts),
        author_id=actor.person_id,
        written_at=now,
    )
    _log(actor=actor, action="addressee.change", now=now, version=version)
    return version.addressee_id


def _log(*, actor: Actor, action: str, now: datetime, version: Version) -> None:
    """Record an act on a version (`action`) in the ledger, with a keyed digest of its facts."""
    content = msgspec.json.encode([version.version, version.closed, version.facts])
    digest = ledger.keyed_digest(kind="addressee", object_id=version.addressee_id, content=content)
    ledger.record(
        actor=actor,
        action=action,
        at=now,
        objects=[ObjectRef(kind="addressee", id=version.addressee_id, digest=digest)],
        detail={"version": version.version},
    )
