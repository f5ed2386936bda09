"""Publication of the blocking list for access providers: new names need a permission, lifted ones none."""

import hashlib
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import msgspec
from msgspec import Struct

from fanal.accounts.domain.instructions import InstructionKind
from fanal.accounts.queries.instructions import standing_in_force
from fanal.db import sql
from fanal.kernel.actors import Actor
from fanal.ledger import signer
from fanal.measures.blocking.blocklist import BlockList, is_later, make_list, sign_manifest
from fanal.measures.blocking.kind import BLOCKS
from fanal.measures.blocking.publication import folder as published
from fanal.measures.blocking.publication.gate import (
    Gate,
    allowed,
    keep_cosigned,
    keep_state,
    lacking,
)
from fanal.measures.blocking.register import InForce, in_force, keep_list, lists_locked
from fanal.measures.models import StoredCleared, StoredList, StoredReturned
from fanal.measures.operations import issuing_authority
from fanal.measures.transparency.asking import GateFault

RENEW = timedelta(hours=1)
"""Age at which an unchanged version is renewed."""
MARGIN = timedelta(minutes=15)
"""Time before its end at which an entry leaves: a version ends with its first entry, and is valid longer."""
SHARE = 0.05
"""Part of the published names that the new ones of a day may reach without an instruction that names them."""
FLOOR = 20
"""Number of new names of a day that never needs one."""
DAY = timedelta(hours=24)
"""Time over which new names count together: acts are listed one by one, and versions follow at once."""


class Publication(Struct, frozen=True, kw_only=True):
    """The result of `publish`.

    `block` is the newest version of the list, `new` whether it was made by this call, `before` the previous
    version; None without one signed by our keys. `held` is the number of new names kept back for lack of
    permission, `change` the digest of these names, "" without any. `large`: only an instruction that cites
    that digest permits them. `waits` is the number of names that lack a cosignature (`gate`), with the reason
    `why`; they are not counted in `held`.
    """

    block: BlockList
    before: BlockList | None
    new: bool
    held: int
    change: str
    large: bool
    waits: int = 0
    why: GateFault | None = None


class Waiting(Struct, frozen=True, kw_only=True):
    """The blocked names that no published list has contained yet.

    `acts` are the blockings in force that name them, `names` is their number, `change` their digest. `large`:
    so many that only an instruction that cites the digest permits their publication. `returned` are those of
    `acts` that a restored database brought back (`_returned`): they count as a large change, however few.
    """

    acts: tuple[InForce, ...]
    names: int
    change: str
    large: bool
    returned: frozenset[UUID]


class Channels(Struct, frozen=True, kw_only=True):
    """The name servers, the log and the gate that a publication uses; each may be None.

    `bring` is called with the result before the files are written, to update the name servers first: reading
    back the files of a long list takes longer than a lifting may wait. `commit` is called next with the
    serial of a new version: it brings the transparency log up to date and returns what opens the commitment
    to the version, a further file of it; None if it could not, which stops nothing. `gate` holds back what
    the witnesses have not cosigned.
    """

    bring: Callable[[Publication], None] | None = None
    commit: Callable[[int], bytes | None] | None = None
    gate: Gate | None = None


def publish(
    *,
    actor: Actor,
    folder: Path,
    by_person: bool,
    channels: Channels | None = None,
    known: Collection[int] = (),
    now: datetime,
) -> Publication:
    """Publish the host names to be blocked into `folder`: as a new version if any changed or an hour passed.

    New names are published if a person does it (`by_person`) or under a standing instruction BLOCKLIST in
    force; a large number of them only under an instruction that cites their digest, and so is a name that was
    lifted since the backup of a restored database. All other changes, liftings above all, are published at
    once.

    `known` are serials of lists seen elsewhere, such as at name servers. With a gate in `channels`, what no
    cosigned version has waits; the witnesses are asked in a thread, and a call after their answer
    (`gate.is_answered`) publishes it.

    Raises:
        Refused: the actor may not export.
        SignerMissing: this installation holds no key that signs.
        ListWrong: a name covers the stop page, or no serial is later than all.
        OSError: the folder cannot be written; the earlier version stays the newest.
    """
    keys = signer.current()
    key = keys.signing_key
    if key is None:
        raise signer.SignerMissing("this process may not sign")
    ways = channels or Channels()
    with published.locked(folder):
        before = published.read_latest(folder, keys=keys.known_keys)
        seen = {*known, *published.known_serials(folder, keys=keys.known_keys)}
        with lists_locked(actor):
            made = _make(actor, before, by_person=by_person, known=seen, gate=ways.gate, now=now)
        if ways.gate is not None:
            ways.gate.start()
        if ways.bring is not None:
            ways.bring(made)
        if made.new:
            published.write_version(
                folder,
                made.block,
                before=before,
                opening=ways.commit(made.block.serial) if ways.commit is not None else None,
                sign=lambda block, file, content: sign_manifest(
                    block, file=file, content=content, name=keys.origin, key=key
                ),
                now=now,
            )
    return made


def changes_waiting(*, folder: Path, now: datetime) -> Waiting:
    """Return the blocked names that no published version of the list has contained yet.

    `folder` is that of the published versions.

    Raises:
        ValueError: a stored name is not in the form that `names.read_name` returns.
    """
    before = published.read_latest(folder, keys=signer.current().known_keys)
    return waiting_in(in_force(now=now + MARGIN), before, now=now)


def change_of(names: Collection[str]) -> str:
    """Return the digest (hexadecimal SHA-256) by which an instruction cites these new names.

    "" without any name.
    """
    if not names:
        return ""
    return hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()


def mark_of_changes() -> str:
    """Return a token that changes whenever a blocking is listed, checked, doubted, kept or ended.

    An unchanged token means that the published list need not be made again for their sake.
    """
    found = sql.one(
        "SELECT count(*), coalesce(bit_xor(hashtextextended(concat_ws('|', act_id, a.state, listed_at,"
        " checked_at, doubted_at), 0)), 0) FROM measures_blocking JOIN casework_act a ON a.id = act_id"
        " WHERE a.state = ANY (%s)",
        [[str(state) for state in BLOCKS]],
    )
    return f"{found[0]}/{found[1]}"


def due_again(block: BlockList) -> datetime:
    """Return the instant by which a version of the list must be replaced, even without any change."""
    ends = min((entry.expires for entry in block.entries), default=block.expires_at)
    return min(block.made_at + RENEW, ends - MARGIN)


def _make(
    actor: Actor,
    before: BlockList | None,
    *,
    by_person: bool,
    known: Collection[int],
    gate: Gate | None,
    now: datetime,
) -> Publication:
    found = in_force(now=now + MARGIN)
    waiting = waiting_in(found, before, now=now)
    held = () if may_leave(waiting, by_person=by_person, now=now) else waiting.acts
    kept = {one.act_id for one in held}
    wanted = [one for one in found if one.act_id not in kept]
    named = waiting.large and not held
    making = _Making(
        actor=actor,
        before=before,
        known=known,
        named=named,
        returned=waiting.returned & kept,
        now=now,
    )
    made = making.make(wanted, gate)
    return msgspec.structs.replace(
        made,
        held=waiting.names if held else 0,
        change=waiting.change if held else "",
        large=bool(held) and waiting.large,
    )


class _Making(Struct, frozen=True, kw_only=True):
    """The making of a version after `before`; `named`: an instruction named the change.

    `returned` are the acts that a restored database brought back and that are held back.
    """

    actor: Actor
    before: BlockList | None
    known: Collection[int]
    named: bool
    returned: frozenset[UUID]
    now: datetime

    def make(self, wanted: Sequence[InForce], gate: Gate | None) -> Publication:
        """Make a version of what is wanted, as far as the gate lets it leave, and propose the rest."""
        if gate is None:
            keep_state(witnesses="", waits=0, why=None, now=self.now)
            return self._version(wanted)
        earlier = [*self.known, *([self.before.serial] if self.before is not None else [])]
        opened = gate.opened(wanted, known=earlier, now=self.now)
        if opened is not None:
            keep_cosigned(opened)
            self._keep(opened.acts, opened.block)
            gate.drop()
            made, leaving = self._told(opened.block, new=True), opened.acts
        else:
            leaving = tuple(allowed(wanted, before=self.before, after=self.now + MARGIN))
            made = self._version(leaving)
        waits = lacking(wanted, leaving)
        if waits:
            later = [*earlier, made.block.serial]
            gate.propose(
                wanted, make=lambda: self._kept(wanted, "propose"), known=later, now=self.now
            )
        else:
            gate.drop()
        why = gate.why() if waits else None
        keep_state(witnesses=gate.witnesses, waits=waits, why=why, now=self.now)
        return msgspec.structs.replace(made, waits=waits, why=why)

    def _version(self, leaving: Sequence[InForce]) -> Publication:
        """Return the version before if it still states this and is young enough, else a new one."""
        before = self.before
        if before is not None and _lasts(before, leaving, known=self.known, now=self.now):
            return self._told(before, new=False)
        block = self._kept(leaving, "publish")
        self._keep(leaving, block)
        return self._told(block, new=True)

    def _keep(self, leaving: Sequence[InForce], block: BlockList) -> None:
        _clear(leaving, block.serial, named=self.named)
        _hold_back(self.returned, block.serial)

    def _kept(self, acts: Sequence[InForce], purpose: str) -> BlockList:
        entries = [one.entry for one in acts]
        return keep_list(
            actor=self.actor, entries=entries, purpose=purpose, known=self.known, now=self.now
        )

    def _told(self, block: BlockList, *, new: bool) -> Publication:
        return Publication(block=block, before=self.before, new=new, held=0, change="", large=False)


def waiting_in(found: Sequence[InForce], before: BlockList | None, *, now: datetime) -> Waiting:
    """Return the names of `found` that are new: no published act names them, nor the last version we signed.

    With them count those that first left within a `DAY` under no instruction that named them.
    """
    returned = _returned(found, before)
    cleared, recent = _cleared() - returned, _cleared_since(now - DAY) - returned
    settled = {one.entry.name for one in found if one.act_id in cleared - recent}
    today = {one.entry.name for one in found if one.act_id in recent} - settled
    old = settled | today | set(before.names if before else ())
    acts = tuple(one for one in found if one.entry.name not in old)
    names = {one.entry.name for one in acts}
    published = (old - today) & {one.entry.name for one in found}
    back = returned.intersection(one.act_id for one in acts)
    return Waiting(
        acts=acts,
        names=len(names),
        change=change_of(names),
        large=bool(back)
        or (bool(names) and len(names | today) > max(FLOOR, SHARE * len(published))),
        returned=back,
    )


def _returned(found: Sequence[InForce], before: BlockList | None) -> frozenset[UUID]:
    """Return the acts of `found` that a database from an older backup brought back, and that wait since.

    `before` is the newest version. If the database does not know it, an act that was listed earlier and that
    it does not name was lifted since the backup, or held back: its name is not blocked again by itself.
    """
    waiting = set(StoredReturned.objects.values_list("act_id", flat=True))
    if before is not None and not StoredList.objects.filter(serial=before.serial).exists():
        names = set(before.names)
        waiting |= {
            one.act_id
            for one in found
            if one.entry.since <= before.made_at and one.entry.name not in names
        }
    return frozenset(waiting)


def may_leave(waiting: Waiting, *, by_person: bool, now: datetime) -> bool:
    """Return whether new names may leave; a large change may under an instruction that names it alone."""
    if not waiting.acts or (by_person and not waiting.large):
        return True
    scope = waiting.change if waiting.large else None
    found = standing_in_force(kind=InstructionKind.BLOCKLIST, scope=scope, now=now)
    return found is not None and (not waiting.large or waiting.change in found.names)


def _lasts(
    before: BlockList, leaving: Sequence[InForce], *, known: Collection[int], now: datetime
) -> bool:
    """Return whether `before` states the list, is young enough, and later than all serials known."""
    if now >= due_again(before):
        return False
    if not all(one == before.serial or is_later(before.serial, one) for one in known):
        return False
    present = make_list(
        [one.entry for one in leaving],
        made_at=before.made_at,
        known=(),
        stop_host=issuing_authority.stop_host(),
    )
    return (present.entries, present.stop_host) == (before.entries, before.stop_host)


def _cleared() -> set[UUID]:
    return set(StoredCleared.objects.values_list("act_id", flat=True))


def _cleared_since(instant: datetime) -> set[UUID]:
    """Return the acts that first left after an instant, under no instruction that named the change."""
    lists = StoredList.objects.filter(made_at__gt=instant).values("serial")
    found = StoredCleared.objects.filter(serial__in=lists, named=False)
    return set(found.values_list("act_id", flat=True))


def _clear(leaving: Sequence[InForce], serial: int, *, named: bool) -> None:
    """Keep which acts left, so that they are no change any more, and if an instruction `named` the change."""
    known = _cleared()
    rows = [
        StoredCleared(act_id=one.act_id, serial=serial, named=named)
        for one in leaving
        if one.act_id not in known
    ]
    StoredCleared.objects.bulk_create(rows, batch_size=5000)
    StoredReturned.objects.filter(act_id__in=[one.act_id for one in leaving]).delete()


def _hold_back(acts: Collection[UUID], serial: int) -> None:
    """Keep which acts a restored database brought back: later versions are known to it."""
    rows = [StoredReturned(act_id=one, serial=serial) for one in acts]
    StoredReturned.objects.bulk_create(rows, ignore_conflicts=True)
