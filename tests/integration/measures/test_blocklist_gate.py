"""The gate: nothing blocks without the controller's machine, and nothing that lifts waits for it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import transaction
from hypothesis import HealthCheck, given, settings, strategies as st

from fanal.accounts.domain.policy import Refused
from fanal.db import sql
from fanal.ledger import signer
from fanal.ledger.domain.checkpoint import NoteKey, open_note
from fanal.measures.blocking.blocklist import BlockList
from fanal.measures.blocking.publication import folder as published
from fanal.measures.blocking.publication.exports import export_list
from fanal.measures.blocking.publication.gate import (
    LATE,
    Gate,
    GateState,
    gate_state,
    read_state,
    tell_late,
)
from fanal.measures.blocking.publication.publish import (
    MARGIN,
    Channels,
    Publication,
    changes_waiting,
    publish,
)
from fanal.measures.blocking.register import in_force, newest_published
from fanal.measures.models import StoredCosigned, StoredShown
from fanal.measures.transparency.asking import (
    Answered,
    Cosigner,
    GateFault,
    GateReason,
    cosign_list,
)
from fanal.measures.transparency.cosignature import cosign, cosigned_at
from fanal.measures.transparency.cosigned import WitnessSilent
from fanal.measures.transparency.log import LogKeys, opening_of_list
from fanal.measures.transparency.tiles import LogRefused
from fanal.measures.transparency.witness import Witness
from tests.integration.measures.blockings import ANALYST, SUPERVISOR, ago, listed, take
from tests.integration.measures.raw import PRIVILEGE, RESTRICT, sqlstate
from tests.integration.orient.people import WORKER
from tests.server import as_worker

_KEY, _OTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
KEYS = LogKeys(signing=_KEY, known=(NoteKey(name="log.test/t", public=_KEY.public_key()),))
HOUR = timedelta(hours=1)


def now() -> datetime:
    return datetime.now(UTC)


class Asks:
    """The log and its witness in one process; `mode` is how the witness behaves."""

    def __init__(self, folder: Path) -> None:
        self.witness = Witness(folder / "witness", name="witness.test", logs=KEYS.known)
        self.log, self.mode, self.asked = folder / "log", "cosigns", list[int]()
        self.old: tuple[int, str] | None = None

    def answer(self, body: bytes, *, seconds: float) -> tuple[int, str]:
        if self.mode == "silent":
            raise WitnessSilent("no answer")
        if self.mode == "other key":
            note = body.decode().partition("\n\n")[2]
            return 200, cosign(note, name="witness.test", key=_OTHER, now=now()) + "\n"
        if self.mode == "old" and self.old is not None:
            return self.old
        said = self.witness.add(body, now=now())
        if said.status == 200:
            self.old = self.old or (said.status, said.body)
        return said.status, said.body

    def start(self, serial: int) -> Answered:
        self.asked.append(serial)
        one = Cosigner(key=self.witness.public, ask=self.answer, wait=0.01)
        try:
            with as_worker():
                found = cosign_list(serial, folder=self.log, keys=KEYS, witnesses=[one])
        except WitnessSilent as error:
            return Answered(GateFault(code=GateReason.SILENT, detail=str(error)))
        except LogRefused as error:
            return Answered(GateFault(code=GateReason.LOG, detail=str(error)))
        return Answered(found)


class Desk:
    """A publisher with its folder and gate."""

    def __init__(self, folder: Path, *, asks: Asks | None = None) -> None:
        self.asks = asks or Asks(folder)
        self.folder, self.gate = folder / "list", Gate(self.asks.start, witnesses="witness.test")

    def publish(
        self, *, at: datetime | None = None, gate: bool = True, by_person: bool = True
    ) -> Publication:
        ways = Channels(gate=self.gate if gate else None)
        at = at or now()
        with as_worker():
            done = publish(
                actor=WORKER, folder=self.folder, by_person=by_person, channels=ways, now=at
            )
        keys = signer.current().known_keys
        assert published.verify_folder(self.folder, keys=keys, now=at).block == done.block
        return done

    def settled(self) -> Publication:
        """Publish, and once more after the answer."""
        self.publish()
        return self.publish()

    def names(self) -> tuple[str, ...]:
        found = published.read_latest(self.folder, keys=signer.current().known_keys)
        return found.names if found else ()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.asks.witness.close()


def test_a_name_leaves_in_exactly_the_version_that_was_cosigned(desk: Desk) -> None:
    listed(2, host="one.example")
    first = desk.publish()
    assert (first.block.names, first.waits, first.why and first.why.code) == ((), 1, "ASKED")
    assert desk.gate.is_answered()
    done = desk.publish()
    assert (done.block.names, done.waits, done.new) == (("one.example",), 0, True)
    assert [done.block.serial] == desk.asks.asked
    row = StoredCosigned.objects.get(serial=done.block.serial)
    assert "— witness.test " in row.checkpoint
    newest = newest_published(actor=SUPERVISOR)
    assert newest is not None
    assert (newest.serial, newest.purpose) == (done.block.serial, "propose")
    assert not desk.publish().new


@pytest.mark.parametrize("mode", ["silent", "other key", "old"])
def test_without_a_cosignature_what_is_lifted_leaves_and_nothing_else(
    desk: Desk, mode: str
) -> None:
    one = listed(2, host="one.example")
    two = listed(2, host="two.example")
    desk.settled()
    desk.asks.mode = mode
    listed(2, host="three.example")
    take(one, "free", now(), actor=ANALYST)
    done = desk.publish()
    assert (done.block.names, done.waits) == (("two.example",), 1)
    assert desk.publish().why == GateFault(code=GateReason.SILENT, detail=desk.gate.why().detail)
    newest = newest_published(actor=SUPERVISOR)
    assert newest is not None
    assert (newest.serial, newest.entries) == (done.block.serial, 1)
    take(two, "lift", now(), outcome="GONE")
    assert desk.publish().block.names == ()
    desk.asks.mode = "cosigns"
    assert desk.settled().block.names == ("three.example",)


def test_a_version_that_a_lift_overtook_never_leaves(desk: Desk) -> None:
    one = listed(2, host="one.example")
    desk.settled()
    two = listed(2, host="two.example")
    desk.publish()
    (_, proposed) = desk.asks.asked
    assert desk.gate.is_answered()  # and before it is looked at:
    take(two, "free", now(), actor=ANALYST)
    listed(2, host="three.example")
    done = desk.publish()
    assert done.block.names == ("one.example",)
    take(one, "free", now(), actor=ANALYST)
    assert desk.publish().block.names == ()
    assert desk.publish().block.names == ("three.example",)
    assert not StoredCosigned.objects.filter(serial=proposed).exists()


def test_a_name_that_was_lifted_returns_only_with_a_cosignature(desk: Desk) -> None:
    """Between two looks: the published list never lacked it, but another act names it now."""
    one = listed(2, host="one.example")
    desk.settled()
    desk.asks.mode = "silent"
    take(one, "free", now(), actor=ANALYST)
    listed(2, host="one.example")
    assert desk.publish().block.names == ()
    desk.asks.mode = "cosigns"
    assert desk.settled().block.names == ("one.example",)


def test_an_expiry_holds_while_additions_wait(desk: Desk) -> None:
    """And a longer date is an addition: until it is cosigned the earlier one holds."""
    one = listed(60, host="one.example")
    desk.settled()
    (before,) = published.read_latest(desk.folder, keys=signer.current().known_keys).entries  # type: ignore[union-attr]
    desk.asks.mode = "silent"
    listed(2, host="two.example")
    take(one, "confirm", ago(59))
    take(one, "check", now())
    done = desk.publish()
    assert done.waits == 2
    assert [entry.expires for entry in done.block.entries] == [before.expires]
    late = before.expires - MARGIN
    assert desk.publish(at=late - HOUR / 2).block.names == ("one.example",)
    assert desk.publish(at=late).block.names == ()
    desk.asks.mode = "cosigns"
    desk.publish(at=late)
    (_, after) = desk.publish(at=late).block.entries[::-1]
    assert desk.names() == ("one.example", "two.example")
    assert after.expires > before.expires


def test_a_gate_that_is_set_later_takes_nothing_from_the_list(desk: Desk) -> None:
    one = listed(2, host="one.example")
    listed(2, host="two.example")
    desk.publish(gate=False)
    desk.asks.mode = "silent"
    listed(2, host="three.example")
    assert desk.publish().block.names == ("one.example", "two.example")
    take(one, "free", now(), actor=ANALYST)
    assert desk.publish().block.names == ("two.example",)
    with as_worker():
        found = export_list(actor=WORKER, gate=desk.gate, now=now())
    assert (found.block.names, found.waits) == (("two.example",), 1)


def test_a_folder_that_is_lost_takes_nothing_from_the_list(desk: Desk, tmp_path: Path) -> None:
    listed(2, host="one.example")
    desk.settled()
    desk.asks.mode = "silent"
    listed(2, host="two.example")
    other = Desk(tmp_path / "other", asks=desk.asks)
    assert other.publish().block.names == ("one.example",)


def test_a_renewal_waits_for_nobody(desk: Desk) -> None:
    listed(2, host="one.example")
    first = desk.settled()
    desk.asks.mode = "silent"
    done = desk.publish(at=now() + HOUR)
    assert (done.new, done.block.entries, done.waits) == (True, first.block.entries, 0)


def test_an_old_proposal_is_made_again(desk: Desk) -> None:
    desk.asks.mode = "silent"
    listed(2, host="one.example")
    desk.publish()
    desk.publish(at=now() + HOUR / 2)
    assert len(set(desk.asks.asked)) == 1
    desk.publish(at=now() + 2 * HOUR)
    assert len(set(desk.asks.asked)) == 2


def test_another_list_made_meanwhile_overtakes_the_proposal(desk: Desk) -> None:
    listed(2, host="one.example")
    desk.publish()
    with as_worker():
        other = export_list(actor=WORKER, gate=None, now=now()).block
    done = desk.publish()
    assert done.block.names == ()
    done = desk.publish()
    assert done.block.names == ("one.example",)
    assert done.block.serial > other.serial


def test_a_permission_that_lacks_is_no_matter_of_the_gate(desk: Desk) -> None:
    listed(2, host="one.example")
    done = desk.publish(by_person=False)
    assert (done.held, done.waits, desk.asks.asked) == (1, 0, [])
    desk.publish()
    done = desk.publish(by_person=False)  # the person has gone: nobody permits it any more
    assert (done.held, done.block.names) == (1, ())


def test_an_export_obeys_the_gate(desk: Desk) -> None:
    one = listed(2, host="one.example")

    def exported() -> tuple[BlockList, int]:
        with as_worker():
            done = export_list(actor=WORKER, gate=desk.gate, now=now())
        return done.block, done.waits

    assert exported()[0].names == ()
    assert exported()[0].names == ("one.example",)
    desk.asks.mode = "silent"
    listed(2, host="two.example")
    assert (exported()[0].names, exported()[1]) == (("one.example",), 1)
    take(one, "free", now(), actor=ANALYST)
    assert exported()[0].names == ()
    desk.asks.mode = "cosigns"
    exported()
    assert exported()[0].names == ("two.example",)


def test_the_state_says_what_waits_since_when_and_why(desk: Desk) -> None:
    assert read_state() == GateState()
    listed(2, host="one.example")
    start = now()
    done = desk.settled()
    state = gate_state(actor=SUPERVISOR)
    assert (state.cosigned, state.names, state.since) == (done.block.serial, 0, None)
    desk.asks.mode = "silent"
    listed(2, host="two.example")
    desk.settled()
    state = read_state()
    assert (state.names, state.code, state.witnesses) == (1, "SILENT", "witness.test")
    assert state.since is not None
    assert start <= state.since <= now()
    assert not state.is_late(now=state.since + LATE)
    assert state.is_late(now=state.since + LATE * 1.01)
    desk.publish(at=now() + HOUR)
    assert read_state().since == state.since
    assert changes_waiting(folder=desk.folder, now=now()).names == 1
    with pytest.raises(Refused):
        gate_state(actor=ANALYST)
    desk.asks.mode = "cosigns"
    desk.settled()
    assert read_state().since is None


def test_people_are_notified_once_a_day_of_what_waits_too_long(desk: Desk) -> None:
    desk.asks.mode = "silent"
    listed(2, host="one.example")
    desk.settled()
    start = read_state().since
    assert start is not None

    def notified(after: timedelta) -> bool:
        with as_worker():
            return tell_late(now=start + after)

    assert [notified(LATE), notified(LATE * 1.01), notified(LATE * 2)] == [False, True, False]
    assert notified(LATE * 2 + 24 * HOUR)
    jobs = "SELECT args ->> 'since' FROM procrastinate_jobs WHERE task_name = 'tell_gate'"
    assert set(sql.rows(jobs)) == {(start.isoformat(),)}
    desk.asks.mode = "cosigns"
    desk.settled()
    assert not notified(72 * HOUR)


def test_what_was_shown_stays_shown(desk: Desk) -> None:
    listed(2, host="one.example")
    desk.settled()
    for statement in (
        "DELETE FROM measures_blocklist_shown",
        "UPDATE measures_blocklist_shown SET until = until - interval '1 day'",
        "UPDATE measures_blocklist_shown SET act_id = gen_random_uuid()",
        "UPDATE measures_blocklist_cosigned SET checkpoint = 'x'",
        "DELETE FROM measures_blocklist_cosigned",
    ):
        assert sqlstate(statement, []) in {PRIVILEGE, RESTRICT}, statement
    assert StoredShown.objects.count() == 1


def test_a_checkpoint_without_the_version_is_no_cosignature(desk: Desk) -> None:
    """The log's folder was exchanged for one of the same keys that is not ours."""
    listed(2, host="one.example")
    desk.settled()
    tile = next((desk.asks.log / "tile/entries").rglob("*.p/*"))
    tile.write_bytes(tile.read_bytes()[:2] + bytes(32) * 1 + tile.read_bytes()[34:])
    listed(2, host="two.example")
    done = desk.settled()
    assert done.block.names in (("one.example",), ("one.example", "two.example"))
    nodes = next((desk.asks.log / "tile/0").rglob("*.p/*"))
    nodes.write_bytes(bytes(len(nodes.read_bytes())))
    listed(2, host="three.example")
    assert "three.example" not in desk.settled().block.names


STEPS = st.lists(
    st.sampled_from(["add", "lift", "publish", "export", "silent", "cosigns", "other key"]),
    min_size=4,
    max_size=12,
)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS, relist=st.booleans())
def test_in_any_order_nothing_is_published_that_is_not_cosigned_and_in_force(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str], relist: bool
) -> None:
    with transaction.atomic():
        desk = Desk(tmp_path_factory.mktemp("gate"))
        try:
            _play(desk, [*steps, "publish", "publish"], relist=relist)
        finally:
            desk.asks.witness.close()
            transaction.set_rollback(True)


def _play(desk: Desk, steps: list[str], *, relist: bool) -> None:
    blocked: dict[UUID, str] = {}
    made = 0
    for step in steps:
        if step == "add":
            name = f"n{made % 2 if relist else made}.example"
            made += 1
            if name not in blocked.values():
                blocked[listed(2, host=name)] = name
        elif step == "lift":
            for act in list(blocked)[:1]:
                take(act, "free", now(), actor=ANALYST)
                del blocked[act]
        elif step in {"publish", "export"}:
            _check(desk, _published(desk, step), blocked)
        else:
            desk.asks.mode = step


def _published(desk: Desk, step: str) -> BlockList:
    if step == "publish":
        return desk.publish().block
    with as_worker():
        return export_list(actor=WORKER, gate=desk.gate, now=now()).block


def _check(desk: Desk, block: BlockList, blocked: dict[UUID, str]) -> None:
    """Check a list against the acts in force, and against what the witness itself has cosigned.

    `blocked` are the names of the acts in force. Lifted names are in no list; each other name is in a version
    whose commitment is in a log that the witness knows.
    """
    assert set(block.names) <= {one.entry.name for one in in_force(now=now())}
    shown = dict(StoredShown.objects.values_list("act_id", "serial"))
    assert set(block.names) <= {name for act, name in blocked.items() if act in shown}
    for serial in set(shown.values()):
        note = StoredCosigned.objects.get(serial=serial).checkpoint
        cosigned_at(note, key=desk.asks.witness.public)
        point = open_note(note, keys=KEYS.known)
        position = opening_of_list(serial).position
        assert position is not None
        assert position < point.size
