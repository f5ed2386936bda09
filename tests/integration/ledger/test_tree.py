"""Proofs from stored subtrees: the same as from all leaves, at a cost that does not grow with the log."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fanal.kernel.actors import system_actor
from fanal.kernel.clock import now as clock_now
from fanal.kernel.ids import new_id
from fanal.ledger import operations, queries, signer
from fanal.ledger.domain import merkle
from fanal.ledger.domain.records import ObjectRef
from fanal.ledger.queries import ProofState, is_consistent, prove_object
from fanal.ledger.tree import StoredTree
from fanal.ledger.verification import verify_ledger

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
SYSTEM = system_actor("test")
SIZE = 66_000
"""More than 256 x 256 leaves: two levels of subtrees."""
LEAVES = """
INSERT INTO ledger_chain (seq, entry_id, recorded_at, numbered_at, leaf_hash, prev_hash, chain_hash)
SELECT n, gen_random_uuid(), now(), now(), sha256(n::text::bytea), sha256('p'), sha256('c')
FROM generate_series(%s, %s) AS n
"""
pytestmark = [pytest.mark.django_db, pytest.mark.role("worker")]


@pytest.fixture(autouse=True)
def log_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the checkpoints of a test apart from those of the run."""
    mine = replace(signer.current(), checkpoint_file=tmp_path / "checkpoints.txt")
    monkeypatch.setattr(signer, "_installed", [mine])


def grow(first: int, last: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(LEAVES, [first, last])


def leaves() -> list[bytes]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT leaf_hash FROM ledger_chain ORDER BY seq")
        return [bytes(row[0]) for row in cursor.fetchall()]


def store_all() -> int:
    made = 0
    while stored := operations.store_subtrees():
        made += stored
    return made


def test_every_span_is_the_root_over_its_leaves_stored_or_not() -> None:
    grow(1, SIZE)
    all_leaves = leaves()
    spans = [(0, 1), (255, 256), (256, 512), (0, 65_536), (65_536, SIZE), (0, SIZE), (512, 1024)]
    wanted = [merkle.root_of(all_leaves[begin:end]) for begin, end in spans]
    assert [StoredTree().span(*span) for span in spans] == wanted
    assert store_all() == SIZE // 256 + 1
    assert [StoredTree().span(*span) for span in spans] == wanted


def test_a_proof_asks_a_few_questions_of_a_log_of_any_size() -> None:
    asked = []
    report = new_id(NOW)
    operations.record(
        actor=SYSTEM, action="report.orient", at=NOW, objects=[ObjectRef(kind="report", id=report)]
    )
    operations.sequence_pending(now=NOW)
    for first, last in ((2, 600), (601, SIZE)):
        grow(first, last)
        operations.sign_checkpoint(now=NOW)
        store_all()
        with CaptureQueriesContext(
            connection,
        ) as seen:
            proofs = prove_object(actor=SYSTEM, object_id=report)
        assert set(proofs.states.values()) == {ProofState.PROVED}
        asked.append(len(seen))
    assert asked[1] <= asked[0] + 4


def test_a_checkpoint_is_a_prefix_of_a_later_one_and_of_no_other_log() -> None:
    grow(1, 700)
    earlier = operations.sign_checkpoint(now=NOW)
    grow(701, 2_000)
    later = operations.sign_checkpoint(now=NOW)
    assert earlier is not None
    assert later is not None
    assert is_consistent(earlier=earlier, later=later)
    assert queries.newest_checkpoint(keys=signer.current().known_keys) == later
    forged = type(earlier)(
        origin=earlier.origin, size=earlier.size, root=bytes(32), note=earlier.note
    )
    assert not is_consistent(earlier=forged, later=later)


@pytest.mark.role("owner")
def test_a_subtree_that_was_changed_is_named_with_its_entries() -> None:
    grow(1, 600)
    store_all()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE ledger_subtree DISABLE TRIGGER USER")
        cursor.execute("UPDATE ledger_subtree SET hash = sha256('other') WHERE place = 1")
    found = [p for p in verify_ledger(now=clock_now()).problems if p.field == "subtree"]
    assert [(p.code.value, p.seq, p.seq_to) for p in found] == [("CHANGED", 257, 512)]
