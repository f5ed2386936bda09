"""The ledger on a real PostgreSQL, as the roles that use it."""

import base64
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from django.db import connection, transaction

from fanal.kernel.actors import Actor, Role, public_actor, system_actor
from fanal.kernel.ids import new_id
from fanal.ledger import operations, signer
from fanal.ledger.domain import canonical, checkpoint, merkle
from fanal.ledger.domain.records import ObjectRef, UnknownVerb
from tests.actors import desk_actor
from tests.refusals import NO_RIGHT, database_refuses

NOW = datetime(2026, 11, 24, 9, 30, 0, 123456, tzinfo=UTC)
ANALYST = desk_actor(person_id=new_id(NOW), roles={Role.ANALYST}, desks={1}, motive="case 12")


def write(count: int = 1) -> list[UUID]:
    """Write entries, one object each."""
    return [
        operations.record(
            actor=ANALYST,
            action="report.read",
            at=NOW,
            objects=[ObjectRef(kind="report", id=new_id(NOW))],
        )
        for _ in range(count)
    ]


def rows(query: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


@pytest.mark.django_db
class TestRecord:
    def test_keeps_who_what_why_when_and_keyed_digests(self) -> None:
        report = new_id(NOW)
        entry_id = operations.record(
            actor=ANALYST,
            action="report.read",
            at=NOW,
            objects=[
                ObjectRef(
                    kind="report",
                    id=report,
                    digest=operations.keyed_digest(
                        kind="report", object_id=report, content=b"what it held"
                    ),
                )
            ],
            detail={"page": "desk", "count": 1},
            motive="asked by the prosecutor",
        )
        ((body, actor, verb),) = rows("SELECT body, actor_id, verb FROM ledger_entry")
        entry = canonical.decode(bytes(body))  # type: ignore[call-overload]
        assert (entry.id, entry.at, entry.actor_id) == (entry_id, NOW, ANALYST.person_id)
        assert (actor, verb) == (ANALYST.person_id, "CONSULTATION")
        assert entry.detail == {"page": "desk", "count": 1}
        assert b"prosecutor" not in bytes(body)  # type: ignore[call-overload]
        assert rows("SELECT motive FROM ledger_motive") == [("asked by the prosecutor",)]
        ((digest,),) = rows("SELECT digest FROM ledger_object")
        assert len(bytes(digest)) == 16  # type: ignore[call-overload]

    def test_refuses_an_action_without_a_legal_verb(self) -> None:
        with pytest.raises(UnknownVerb):
            operations.record(actor=ANALYST, action="report.burn", at=NOW)

    def test_refuses_words_in_a_detail(self) -> None:
        with pytest.raises(canonical.ValueRefused):
            operations.record(
                actor=ANALYST, action="report.read", at=NOW, detail={"name": "Jean Dupont"}
            )

    def test_refuses_a_read_without_a_motive(self) -> None:
        nobody_says_why = Actor(person_id=new_id(NOW), roles=frozenset({Role.ANALYST}))
        with pytest.raises(operations.MotiveMissing):
            operations.record(actor=nobody_says_why, action="report.read", at=NOW)
        operations.record(actor=public_actor(), action="report.status", at=NOW)

    def test_rolls_back_with_the_act(self) -> None:
        with transaction.atomic():
            write()
            transaction.set_rollback(True)
        assert rows("SELECT count(*) FROM ledger_entry") == [(0,)]
        assert rows("SELECT count(*) FROM ledger_pending") == [(0,)]

    def test_a_batch_is_one_entry_with_the_root_of_its_objects(self) -> None:
        items = [(new_id(NOW), b"%d" % i) for i in range(500)]
        operations.record_batch(
            actor=system_actor("stage"),
            action="report.analyse",
            at=NOW,
            kind="report",
            items=items,
        )
        ((body,),) = rows("SELECT body FROM ledger_entry")
        entry = canonical.decode(bytes(body))  # type: ignore[call-overload]
        stored = [
            ObjectRef(kind=str(k), id=i, digest=bytes(d))  # type: ignore[arg-type, call-overload]
            for k, i, d in rows("SELECT kind, object_id, digest FROM ledger_object")
        ]
        assert entry.object_count == len(stored) == 500
        assert canonical.object_root(stored) == entry.object_root

    @pytest.mark.role("intake")
    def test_a_public_node_writes_and_reads_nothing(self) -> None:
        operations.record(
            actor=public_actor(),
            action="report.collect",
            at=datetime.now(UTC),
            objects=[ObjectRef(kind="report", id=new_id(NOW))],
        )
        for table in ("entry", "object", "motive", "pending", "chain", "checkpoint"):
            with database_refuses(NO_RIGHT):
                rows(f"SELECT * FROM ledger_{table}")


@pytest.mark.django_db
@pytest.mark.role("worker")
class TestSequencer:
    def test_numbers_without_gap_and_empties_the_queue(self) -> None:
        ids = write(7)
        assert operations.sequence_pending(now=NOW, limit=5) == 5
        assert operations.sequence_pending(now=NOW, limit=5) == 2
        assert operations.sequence_pending(now=NOW, limit=5) == 0
        assert rows("SELECT seq, entry_id FROM ledger_chain ORDER BY seq") == [
            (n, i) for n, i in enumerate(sorted(ids), 1)
        ]
        assert rows("SELECT count(*) FROM ledger_pending") == [(0,)]

    def test_signs_a_tree_that_grows_and_keeps_a_copy_outside(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        keys = signer.current()
        outside = tmp_path / "log" / "checkpoints.txt"
        monkeypatch.setattr(
            signer,
            "_installed",
            [
                signer.LedgerKeys(
                    origin=keys.origin,
                    digest_key=keys.digest_key,
                    signing_key=keys.signing_key,
                    known_keys=keys.known_keys,
                    checkpoint_file=outside,
                )
            ],
        )
        assert operations.sign_checkpoint(now=NOW) is None
        signed = []
        for count in (3, 4):
            write(count)
            operations.sequence_pending(now=NOW)
            signed.append(operations.sign_checkpoint(now=NOW))
        assert operations.sign_checkpoint(now=NOW) is None
        leaves = [bytes(r[0]) for r in rows("SELECT leaf_hash FROM ledger_chain ORDER BY seq")]  # type: ignore[call-overload]
        assert [(c.size, c.root) for c in signed if c] == [
            (3, merkle.root_of(leaves[:3])),
            (7, merkle.root_of(leaves)),
        ]
        notes = checkpoint.split_notes(outside.read_text())
        assert [checkpoint.open_note(n, keys=keys.known_keys) for n in notes] == signed
        assert base64.b64encode(merkle.root_of(leaves)).decode() in notes[-1]
        assert oct(outside.stat().st_mode)[-3:] == "600"


CHANGES = [
    "UPDATE ledger_entry SET action = action",
    "DELETE FROM ledger_entry",
    "TRUNCATE ledger_entry",
    "UPDATE ledger_object SET kind = kind",
    "DELETE FROM ledger_object",
    "TRUNCATE ledger_object",
    "UPDATE ledger_chain SET seq = seq",
    "DELETE FROM ledger_chain",
    "TRUNCATE ledger_chain",
    "UPDATE ledger_checkpoint SET size = size",
    "DELETE FROM ledger_checkpoint",
    "TRUNCATE ledger_checkpoint",
]


@pytest.mark.django_db
@pytest.mark.parametrize("statement", CHANGES)
@pytest.mark.parametrize("role", ["owner", "app", "worker", "auditor", "intake"])
def test_nobody_changes_the_ledger(role: str, statement: str, as_role: object) -> None:
    """Roles lack the right; even the owner meets a trigger, on an empty table too."""
    opened: psycopg.Connection[tuple[object, ...]] = as_role(role)  # type: ignore[operator]
    with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.RestrictViolation)):
        opened.execute(statement)  # type: ignore[call-overload]


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["app", "worker", "auditor", "intake"])
@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE ledger_entry",
        "ALTER TABLE ledger_entry DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
        "DROP FUNCTION ledger_refuse_change CASCADE",
    ],
)
def test_no_role_disarms_the_triggers(role: str, statement: str, as_role: object) -> None:
    opened: psycopg.Connection[tuple[object, ...]] = as_role(role)  # type: ignore[operator]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        opened.execute(statement)  # type: ignore[call-overload]
