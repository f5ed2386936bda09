"""The gate of the blocking list: what is not in a cosigned version leaves only once the witnesses cosign it.

A version that adds nothing leaves at once, whatever a witness does: it has the acts of cosigned versions that
are still in force, none of them longer than such a version stated. What adds is proposed as a version of its
own, of which only the commitment is shown, and leaves as it was proposed, or not at all.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

import msgspec
from django.db import transaction
from msgspec import Struct
from procrastinate.contrib.django import app

from fanal.accounts.domain.policy import require
from fanal.db import sql
from fanal.db.health import WAIT_MINUTES
from fanal.kernel.actors import Actor
from fanal.measures.blocking.blocklist import BlockList, Entry, is_later, whole
from fanal.measures.blocking.register import InForce, is_newest
from fanal.measures.models import StoredCleared, StoredCosigned, StoredGate, StoredShown
from fanal.measures.operations import issuing_authority
from fanal.measures.transparency.asking import Cosigned, GateFault, GateReason

LATE = timedelta(minutes=WAIT_MINUTES)
"""Time for which names may wait for a cosignature before people are notified."""
FRESH = timedelta(hours=1)
"""Age up to which a proposed version may leave; then another is proposed."""
GATE_NOTICE: Final = "tell_gate"
"""Name of the job that mails that names wait; its argument `since` is the instant (ISO 8601)."""
_AGAIN = timedelta(hours=24)
_QUOTED = 500
_NEWEST = """
SELECT c.serial, c.cosigned_at FROM measures_blocklist_cosigned c JOIN measures_blocklist l USING (serial)
ORDER BY l.position DESC LIMIT 1
"""
_AT_ONCE = 5000


class Asked(Protocol):
    """The witnesses, asked to cosign a version."""

    def answer(self) -> Cosigned | GateFault | None:
        """Return the cosignatures or the fault; None while the answer is awaited."""

    def is_running(self) -> bool:
        """Return whether it still works, be its time over or not."""

    def wait(self) -> None:
        """Wait for the answer, until the time is over."""


class _Proposal(Struct, frozen=True):
    block: BlockList
    acts: tuple[InForce, ...]


class Opened(Struct, frozen=True, kw_only=True):
    """A proposed version that may leave: the list, its acts, and its cosignatures."""

    block: BlockList
    acts: tuple[InForce, ...]
    cosigned: Cosigned


class GateState(Struct, frozen=True, kw_only=True):
    """What the gate holds: the witnesses' names ("" without any), the number of names that wait, since when.

    `code` says why (`GateReason`, "" if none waits), `detail` quotes the fault. `cosigned` is the serial of
    the newest version that left with a cosignature and `cosigned_at` its instant, None without one.
    """

    witnesses: str = ""
    names: int = 0
    since: datetime | None = None
    code: str = ""
    detail: str = ""
    cosigned: int | None = None
    cosigned_at: datetime | None = None

    def is_late(self, *, now: datetime) -> bool:
        """Return whether names have waited for longer than `LATE`."""
        return self.since is not None and now - self.since > LATE


class Gate:
    """The gate of one publisher, which holds at most one proposed version."""

    def __init__(self, ask: Callable[[int], Asked], *, witnesses: str) -> None:
        """Open nothing yet. `ask` starts to ask the witnesses about the version with a serial.

        `witnesses` are their names, for people.
        """
        self._ask, self.witnesses = ask, witnesses
        self._proposal: _Proposal | None = None
        self._asked: Asked | None = None  # about that proposal
        self._last: Asked | None = None

    def is_answered(self) -> bool:
        """Return whether the witnesses have cosigned the proposed version."""
        return self._asked is not None and isinstance(self._asked.answer(), Cosigned)

    def why(self) -> GateFault:
        """Return why the proposed version waits."""
        answer = self._asked.answer() if self._asked is not None else None
        if isinstance(answer, GateFault):
            return msgspec.structs.replace(answer, detail=_readable(answer.detail))
        return GateFault(code=GateReason.ASKED, detail="")

    def wait(self) -> None:
        """Wait until the witnesses have answered, or their time is over."""
        if self._asked is not None:
            self._asked.wait()

    def opened(
        self, wanted: Sequence[InForce], *, known: Collection[int], now: datetime
    ) -> Opened | None:
        """Return the proposed version if it is cosigned and all that it states is still wanted.

        `known` are serials than which it must be later. None where nothing may leave that adds names.
        """
        answer = self._asked.answer() if self._asked is not None else None
        found = self._fitting(wanted, known=known, now=now)
        if found is None or not isinstance(answer, Cosigned):
            return None
        return Opened(block=found.block, acts=found.acts, cosigned=answer)

    def propose(
        self,
        wanted: Sequence[InForce],
        *,
        make: Callable[[], BlockList],
        known: Collection[int],
        now: datetime,
    ) -> None:
        """Propose a version of what is wanted, made by `make`, unless one waits that still fits."""
        if self._fitting(wanted, known=known, now=now) is None:
            self._proposal, self._asked = _Proposal(make(), tuple(wanted)), None

    def drop(self) -> None:
        """Forget the proposed version: it left, or nothing is to be added any more."""
        self._proposal = self._asked = None

    def start(self) -> None:
        """Ask the witnesses about the proposed version, unless they are being asked.

        Called when the version is committed in the database. While they still work on an earlier question,
        be its time over or not, none is asked: each has a connection to the database.
        """
        if self._proposal is None or (self._last is not None and self._last.is_running()):
            return
        if self._asked is None or isinstance(self._asked.answer(), GateFault):
            self._asked = self._last = self._ask(self._proposal.block.serial)

    def _fitting(
        self, wanted: Sequence[InForce], *, known: Collection[int], now: datetime
    ) -> _Proposal | None:
        """Return the proposal if all that it states is wanted, and it is young and later than what left.

        What else is wanted is proposed next: who lists name after name would else hold back all of them.
        """
        if self._proposal is None:
            return None
        block, ends = self._proposal.block, {one.act_id: one.entry for one in wanted}
        fits = (
            now < min(block.made_at + FRESH, block.expires_at)
            and all(_is_stated(one.entry, ends.get(one.act_id)) for one in self._proposal.acts)
            and block.stop_host == issuing_authority.stop_host()
            and is_newest(block.serial)
            and all(is_later(block.serial, one) for one in known)
        )
        return self._proposal if fits else None


def allowed(
    wanted: Iterable[InForce], *, before: BlockList | None, after: datetime
) -> list[InForce]:
    """Return what of the wanted acts may leave without a further cosignature, each with the date it may have.

    These are the acts in cosigned versions, until the expiry that was stated there; where there is a version
    `before`, only the names in it. As long as nothing was ever cosigned: what had left before the gate was
    set. Acts whose date is then not later than `after` are left out.
    """
    shown = dict(StoredShown.objects.values_list("act_id", "until"))
    old = {entry.name: entry.expires for entry in before.entries} if before else None
    cleared: set[UUID] = set()
    if not shown and old is None:
        cleared = set(StoredCleared.objects.values_list("act_id", flat=True))
    found = []
    for one in wanted:
        name, expires = one.entry.name, one.entry.expires
        if old is not None and name not in old:
            continue
        if shown:
            until = shown.get(one.act_id)
        elif old is not None:
            until = old[name]
        else:
            until = expires if one.act_id in cleared else None
        if until is not None and min(until, expires) > after:
            entry = msgspec.structs.replace(one.entry, expires=min(until, expires))
            found.append(InForce(act_id=one.act_id, entry=entry))
    return found


def lacking(wanted: Iterable[InForce], leaving: Iterable[InForce]) -> int:
    """Return the number of names that leave without an act that is wanted, or with an earlier date."""
    leaves = {one.act_id: whole(one.entry.expires) for one in leaving}
    return len(
        {one.entry.name for one in wanted if leaves.get(one.act_id) != whole(one.entry.expires)}
    )


def keep_cosigned(opened: Opened) -> None:
    """Store that a version leaves with its cosignatures, and that they have seen its acts."""
    serial, cosigned = opened.block.serial, opened.cosigned
    StoredCosigned.objects.create(
        serial=serial, cosigned_at=cosigned.at, checkpoint=cosigned.checkpoint
    )
    shown = dict(StoredShown.objects.values_list("act_id", "until"))
    rows = [
        StoredShown(act_id=one.act_id, serial=serial, until=whole(one.entry.expires))
        for one in opened.acts
        if one.act_id not in shown or shown[one.act_id] < whole(one.entry.expires)
    ]
    StoredShown.objects.bulk_create(
        rows,
        batch_size=_AT_ONCE,
        update_conflicts=True,
        unique_fields=["act_id"],
        update_fields=["serial", "until"],
    )


def keep_state(*, witnesses: str, waits: int, why: GateFault | None, now: datetime) -> None:
    """Store what waits for a cosignature and why, for the pages and commands that say so.

    `since` is the instant from which on names have waited without interruption, never one ahead: the clock
    may have been set back.
    """
    row = StoredGate.objects.first()
    values = {
        "witnesses": _readable(witnesses),
        "names": waits,
        "since": min(row.since if row is not None and row.since else now, now) if waits else None,
        "code": str(why.code) if why and waits else "",
        "detail": why.detail if why and waits else "",
    }
    if row is None and not witnesses:
        return
    if row is None or any(getattr(row, key) != value for key, value in values.items()):
        told = {} if waits else {"told_at": None}
        StoredGate.objects.update_or_create(one=True, defaults={**values, **told})


def gate_state(*, actor: Actor) -> GateState:
    """Return what waits for a cosignature, since when and why, and the newest cosigned version that left.

    Raises:
        Refused: the actor may not watch the state of lists.
    """
    require(actor, "list.watch")
    return read_state()


def read_state() -> GateState:
    """Return the state of the gate, for a machine."""
    row, newest = StoredGate.objects.first(), sql.row(_NEWEST)
    state = GateState()
    if newest is not None:
        state = GateState(cosigned=newest[0], cosigned_at=newest[1])
    if row is None:
        return state
    return msgspec.structs.replace(
        state,
        witnesses=row.witnesses,
        names=row.names,
        since=row.since,
        code=row.code,
        detail=row.detail,
    )


def tell_late(*, now: datetime) -> bool:
    """Queue a notice, once a day, that names have waited for longer than `LATE`; return whether it was."""
    with transaction.atomic():
        row = StoredGate.objects.select_for_update().first()
        if row is None or row.since is None or now - row.since <= LATE:
            return False
        if row.told_at is not None and timedelta(0) <= now - row.told_at < _AGAIN:
            return False
        row.told_at = now
        row.save(update_fields=["told_at"])
        app.configure_task(GATE_NOTICE, queue="alarms").defer(since=row.since.isoformat())
    return True


def _is_stated(proposed: Entry, wanted: Entry | None) -> bool:
    """Return whether a proposed entry is wanted: the same name, until then or longer."""
    return (
        wanted is not None
        and (proposed.name, proposed.since) == (wanted.name, wanted.since)
        and whole(proposed.expires) <= whole(wanted.expires)
    )


def _readable(text: str) -> str:
    """Return the words of a fault as people may see and PostgreSQL may store them: a witness wrote them."""
    return "".join(one if one.isprintable() else "?" for one in text[:_QUOTED])
