"""The blocking list as a person writes it to a folder of their own (`fanal export`).

It has no more than a publication: what that would hold back as a large change, or wait for a witness with, is
left out here too.
"""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from fanal.kernel.actors import Actor
from fanal.measures.blocking.blocklist import BlockList
from fanal.measures.blocking.publication.gate import Gate, allowed, keep_cosigned, lacking
from fanal.measures.blocking.publication.publish import Waiting, may_leave, waiting_in
from fanal.measures.blocking.register import InForce, in_force, keep_list, lists_locked
from fanal.measures.models import StoredCleared
from fanal.measures.transparency.asking import GateFault


class Exported(Struct, frozen=True, kw_only=True):
    """A list for an export, and what it lacks.

    `waits` is the number of names without a cosignature, `why` the reason they wait. `held` is the number of
    names held back as a large change, `change` the digest that an instruction must cite, "" without any.
    """

    block: BlockList
    waits: int = 0
    why: GateFault | None = None
    held: int = 0
    change: str = ""


def export_list(*, actor: Actor, gate: Gate | None, now: datetime) -> Exported:
    """Make the list of the names blocked at `now` for an export, under the next serial, and store the serial.

    Where lists are published, it lacks the names of a large change without an instruction that cites it. With
    a gate it lacks what no cosigned version has, until the witnesses have cosigned a proposed version: a
    second call, after `gate.wait`, returns that one. The ledger records serial and number of names.

    Raises:
        Refused: the actor may not export.
        ListWrong: a blocked name covers the stop page, or no serial is later than all.
        ValueError: a stored name is not in the form that `names.read_name` returns.
    """

    def make(entries: Iterable[InForce]) -> BlockList:
        listed = [one.entry for one in entries]
        return keep_list(actor=actor, entries=listed, purpose="export", known=(), now=now)

    def made(block: BlockList, *, waits: int = 0, why: GateFault | None = None) -> Exported:
        held, change = (change_held.names, change_held.change) if change_held else (0, "")
        return Exported(block=block, waits=waits, why=why, held=held, change=change)

    with lists_locked(actor):
        found = in_force(now=now)
        change_held = _held(found, now=now)
        kept = {one.act_id for one in change_held.acts} if change_held else set()
        wanted = [one for one in found if one.act_id not in kept]
        if gate is None:
            return made(make(wanted))
        opened = gate.opened(wanted, known=(), now=now)
        if opened is not None:
            keep_cosigned(opened)
            gate.drop()
            waits = lacking(wanted, opened.acts)
            return made(opened.block, waits=waits, why=gate.why() if waits else None)
        leaving = allowed(wanted, before=None, after=now)
        waits, block = lacking(wanted, leaving), make(leaving)
        if waits:
            gate.propose(wanted, make=lambda: make(wanted), known=[block.serial], now=now)
    why = gate.why() if waits else None
    gate.start()
    return made(block, waits=waits, why=why)


def _held(found: tuple[InForce, ...], *, now: datetime) -> Waiting | None:
    """Return the large change that a publication holds back now; None if there is none.

    Where nothing was ever published, exports are the only way out, and each is a person's act.
    """
    if not StoredCleared.objects.exists():
        return None
    waiting = waiting_in(found, None, now=now)
    return None if may_leave(waiting, by_person=True, now=now) else waiting
