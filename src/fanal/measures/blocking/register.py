"""The blockings in force at every desk, and the making of numbered lists from them."""

import hashlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from msgspec import Struct

from fanal.accounts.domain.policy import Reason, Refused, may, require
from fanal.accounts.row_scope import across_desks
from fanal.db import sql
from fanal.kernel.actors import Actor, system_actor
from fanal.ledger import operations as ledger
from fanal.measures.blocking.blocklist import BlockList, Entry, make_list
from fanal.measures.blocking.formats import write_json
from fanal.measures.blocking.kind import BLOCKS
from fanal.measures.blocking.names import check_written, covers
from fanal.measures.blocking.views import BlockingView, list_every, still_blocked
from fanal.measures.models import StoredCosigned, StoredList
from fanal.measures.operations import issuing_authority

_MACHINE = system_actor("blocking list")
_RIGHT = "export.write"
_LOCK = 0x424C4F43  # "BLOC"
_MOST = 5_000_000


class InForce(Struct, frozen=True, kw_only=True):
    """A blocking in force: the id of its act, and its entry in the list."""

    act_id: UUID
    entry: Entry


def in_force(*, now: datetime) -> tuple[InForce, ...]:
    """Return the blockings of every desk that are in force at `now` and can be on the list.

    One whose next check is overdue, whose doubt was not answered in time, or whose court decision has ended
    (a mirror), is no longer in force; no job has to end it. Left out too is a name that covers the stop page
    or a host of the desk (`count_own`): these may have moved below it since.

    Raises:
        ValueError: a stored name is not in the form that `names.read_name` returns.
    """
    return tuple(one for one in _in_force(now) if not _is_own(one.entry.name))


def count_own(*, now: datetime) -> int:
    """Return how many blockings in force at `now` are kept off the list, which would block the desk itself.

    Their names cover the stop page or a host of the desk: a resolver would lead the stop page to itself.
    """
    return sum(_is_own(one.entry.name) for one in _in_force(now))


def _is_own(name: str) -> bool:
    return any(covers(name, own) for own in issuing_authority.own_names())


def _in_force(now: datetime) -> Iterator[InForce]:
    with across_desks():  # names alone, which every access provider receives
        found = list_every(actor=_MACHINE, states=BLOCKS, now=now, limit=_MOST)
    for one in found:
        if one.facts.listed_at is not None and one.expires_at is not None and not one.lapsed:
            entry = Entry(
                name=check_written([one.host])[0],
                since=one.facts.listed_at,
                expires=one.expires_at,
            )
            yield InForce(act_id=one.act.id, entry=entry)


def entries_in_force(*, now: datetime) -> tuple[Entry, ...]:
    """Return the list entries of every desk's blockings in force at `now`; a name may occur several times.

    Raises:
        ValueError: a stored name is not in the form that `names.read_name` returns.
    """
    return tuple(one.entry for one in in_force(now=now))


def is_blocked_elsewhere(*, actor: Actor, view: BlockingView, now: datetime) -> bool:
    """Return whether the name of a blocking (`view`) is also blocked by one that the actor may not read.

    That is one of another desk: nothing but its existence is disclosed. Lifting the actor's own would then
    not unblock the name.
    """
    with across_desks():  # no row is shown
        every = still_blocked(actor=_MACHINE, view=view, now=now)
    own = {one.act.id for one in still_blocked(actor=actor, view=view, now=now)}
    return any(one.act.id not in own for one in every)


def newest_published(*, actor: Actor) -> StoredList | None:
    """Return the newest version of the blocking list that was published, None before the first.

    Raises:
        Refused: the actor may not watch the state of lists.
    """
    require(actor, "list.watch")
    return (
        StoredList.objects.filter(
            Q(purpose="publish")
            | Q(purpose="propose", serial__in=StoredCosigned.objects.values("serial"))
        )
        .order_by("-serial")
        .first()
    )


@contextmanager
def lists_locked(actor: Actor) -> Iterator[None]:
    """Open a transaction in which no other process can make a blocking list, for an actor who may export.

    Raises:
        Refused: the actor may not export.
    """
    if not may(actor, _RIGHT):
        raise Refused(_RIGHT, Reason.NO_RULE)
    with transaction.atomic():
        sql.run("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        yield


def last_serial() -> int | None:
    """Return the serial of the list that was stored last, None before the first."""
    found = sql.row("SELECT serial FROM measures_blocklist ORDER BY position DESC LIMIT 1")
    return int(found[0]) if found is not None else None


def is_newest(serial: int) -> bool:
    """Return whether a list is stored, and none left after it: a proposal that nobody cosigned never did."""
    found = sql.row(
        "SELECT NOT EXISTS (SELECT FROM measures_blocklist l WHERE l.position > o.position"
        " AND (l.purpose <> 'propose' OR l.serial IN (SELECT serial FROM measures_blocklist_cosigned)))"
        " FROM measures_blocklist o WHERE o.serial = %s",
        [serial],
    )
    return found is not None and bool(found[0])


def keep_list(
    *, actor: Actor, entries: Iterable[Entry], purpose: str, known: Collection[int], now: datetime
) -> BlockList:
    """Make a blocking list of these entries, store its serial and digest, and return it.

    Its serial is later than that of the last stored list and than those in `known`. Called within
    `lists_locked`. `purpose` is `export`, `publish` or `propose`.

    Raises:
        ListWrong: a name covers the stop page, or no serial is later than all (`blocklist.make_list`).
        ValueError: a name is not in the form that `names.read_name` returns.
    """
    last = last_serial()
    block = make_list(
        entries,
        made_at=now,
        known=[*known, *([] if last is None else [last])],
        stop_host=issuing_authority.stop_host(),
    )
    digest = hashlib.sha256(write_json(block)).hexdigest()
    StoredList.objects.create(
        serial=block.serial,
        made_at=block.made_at,
        expires_at=block.expires_at,
        entries=len(block.entries),
        digest=digest,
        purpose=purpose,
        made_by=actor.person_id,
    )
    ledger.record(
        actor=actor,
        action="blocklist.make",
        at=now,
        detail={
            "serial": block.serial,
            "entries": len(block.entries),
            "digest": digest,
            "purpose": purpose,
        },
    )
    return block
