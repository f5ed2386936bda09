"""The blockings in force of every desk, and the list that names them, made under the next serial."""

from datetime import datetime

from django.db import transaction

from fanal.accounts.domain.policy import Reason, Refused, may
from fanal.accounts.row_scope import across_desks
from fanal.db import sql
from fanal.kernel.actors import Actor, system_actor
from fanal.ledger import operations as ledger
from fanal.measures.blocking.blocklist import BlockList, Entry, make_list
from fanal.measures.blocking.kind import BLOCKS
from fanal.measures.blocking.names import check_written
from fanal.measures.blocking.views import BlockingView, list_blockings, still_blocked
from fanal.measures.models import StoredList
from fanal.measures.operations import issuing_authority

_MACHINE = system_actor("blocking list")
_RIGHT = "export.write"
_LOCK = 0x424C4F43  # "BLOC"
_KNOWN = 100
"""Newest lists whose serials the next one exceeds; earlier ones are exceeded by these."""
_MOST = 5_000_000


def entries_in_force(*, now: datetime) -> tuple[Entry, ...]:
    """Return the blocked names of every desk at `now`, one for each blocking in force.

    A blocking past its check, or past the end of its doubt, is none: instants alone decide, no job.

    Raises:
        ValueError: a stored name is not written as `names.read_name` returns it.
    """
    with across_desks():  # names alone, which every access provider receives
        found = list_blockings(actor=_MACHINE, states=BLOCKS, now=now, limit=_MOST)
    return tuple(
        Entry(name=check_written([one.host])[0], since=one.facts.listed_at, expires=one.expires_at)
        for one in found
        if one.facts.listed_at is not None and one.expires_at is not None and not one.lapsed
    )


def is_blocked_elsewhere(*, actor: Actor, view: BlockingView, now: datetime) -> bool:
    """Return whether a blocking that the actor may not read blocks the name of `view` as well.

    It is of another desk: nothing but its existence is shown. Lifting the actor's own changes nothing then.
    """
    with across_desks():  # no row is shown
        every = still_blocked(actor=_MACHINE, view=view, now=now)
    own = {one.act.id for one in still_blocked(actor=actor, view=view, now=now)}
    return any(one.act.id not in own for one in every)


def make_blocklist(*, actor: Actor, now: datetime) -> BlockList:
    """Make the list of the names blocked at `now`, keep its serial (the next one), and return it.

    The ledger records serial and number of names. Lists are made one after the other.

    Raises:
        Refused: the actor may not export.
        ListWrong: a blocked name covers the stop page (`blocklist.make_list`).
    """
    if not may(actor, _RIGHT):
        raise Refused(_RIGHT, Reason.NO_RULE)
    with transaction.atomic():
        sql.run("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        known = StoredList.objects.order_by("-made_at", "-serial").values_list("serial", flat=True)
        block = make_list(
            entries_in_force(now=now),
            made_at=now,
            known=list(known[:_KNOWN]),
            stop_host=issuing_authority.stop_host(),
        )
        StoredList.objects.create(
            serial=block.serial,
            made_at=block.made_at,
            expires_at=block.expires_at,
            entries=len(block.entries),
        )
        ledger.record(
            actor=actor,
            action="blocklist.make",
            at=now,
            detail={"serial": block.serial, "entries": len(block.entries)},
        )
    return block
