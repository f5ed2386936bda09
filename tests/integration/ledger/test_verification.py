"""`verify_ledger` on real tables, tampered with as an administrator whose triggers are off."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection

from fanal.accounts.domain.policy import Refused
from fanal.kernel.actors import Actor, Role, system_actor
from fanal.kernel.clock import now as clock_now
from fanal.kernel.ids import new_id
from fanal.ledger import operations, queries, signer
from fanal.ledger.domain.canonical import microseconds
from fanal.ledger.domain.checkpoint import NoteKey
from fanal.ledger.domain.records import ObjectRef
from fanal.ledger.domain.verify import Code
from fanal.ledger.queries import SoughtEntries
from fanal.ledger.verification import verify_ledger
from tests.actors import desk_actor

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
SIGNING_ELSEWHERE = NoteKey(
    name="elsewhere", public=Ed25519PrivateKey.generate().public_key()
).encode()
SYSTEM = system_actor("test")
ANALYST = desk_actor(person_id=new_id(NOW), roles={Role.ANALYST}, desks={1}, motive="case 12")


@pytest.fixture(autouse=True)
def log_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the checkpoints of a test apart from those of the run."""
    path = tmp_path / "checkpoints.txt"
    monkeypatch.setattr(signer, "_installed", [replace(signer.current(), checkpoint_file=path)])
    return path


@pytest.fixture
def filled() -> None:
    """Write 30 entries, then take the triggers off, as a dishonest owner can."""
    fill()
    with connection.cursor() as cursor:
        for table in ("entry", "object", "chain", "checkpoint"):
            cursor.execute(f"ALTER TABLE ledger_{table} DISABLE TRIGGER USER")


def fill(count: int = 30) -> None:
    for index in range(count):
        operations.record_batch(
            actor=replace(ANALYST, motive="") if index % 5 == 0 else ANALYST,
            action="report.orient",
            at=NOW + timedelta(seconds=index),
            kind="report",
            items=[(new_id(NOW), b"x%d" % n) for n in range(index % 4)],
        )
        if index % 10 == 9:
            operations.sequence_pending(now=NOW)
            operations.sign_checkpoint(now=NOW)


def problems(later: timedelta = timedelta()) -> list[tuple[str, str, int | None]]:
    found = verify_ledger(now=clock_now() + later)
    return [(p.code.value, p.field, p.seq) for p in found.problems]


def tamper(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.django_db
@pytest.mark.role("owner")
class TestTampering:
    def test_a_whole_ledger_is_whole(self) -> None:
        fill()
        found = verify_ledger(now=clock_now())
        assert (found.size, found.checkpoints, found.problems) == (30, 6, [])

    @pytest.mark.parametrize(
        ("statement", "wanted"),
        [
            (
                "UPDATE ledger_entry SET body = overlay(body placing 'x' from 60) WHERE id = {17}",
                ("CHANGED", "body", 17),
            ),
            (
                "UPDATE ledger_entry SET action = 'report.read' WHERE id = {17}",
                ("CHANGED", "action", 17),
            ),
            ("UPDATE ledger_entry SET verb = 'ERASURE' WHERE id = {17}", ("CHANGED", "verb", 17)),
            (
                "UPDATE ledger_entry SET at = at + interval '1 us' WHERE id = {17}",
                ("CHANGED", "at", 17),
            ),
            (
                "UPDATE ledger_entry SET db_at = db_at + interval '1 us' WHERE id = {17}",
                ("CHANGED", "db_at", 17),
            ),
            ("UPDATE ledger_entry SET actor_id = id WHERE id = {17}", ("CHANGED", "actor_id", 17)),
            (
                "UPDATE ledger_entry SET writer = 'fanal_intake' WHERE id = {17}",
                ("CHANGED", "writer", 17),
            ),
            ("UPDATE ledger_entry SET writer = NULL WHERE id = {17}", ("CHANGED", "writer", 17)),
            (
                "UPDATE ledger_motive SET motive = 'other' WHERE entry_id = {17}",
                ("CHANGED", "motive", 17),
            ),
            ("DELETE FROM ledger_motive WHERE entry_id = {17}", ("CHANGED", "motive", 17)),
            (
                "UPDATE ledger_object SET digest = '\\x00' WHERE entry_id = {16}",
                ("CHANGED", "objects", 16),
            ),
            (
                "UPDATE ledger_object SET object_id = entry_id WHERE entry_id = {16}",
                ("CHANGED", "objects", 16),
            ),
            ("DELETE FROM ledger_object WHERE entry_id = {16}", ("CHANGED", "objects", 16)),
            (
                "INSERT INTO ledger_object SELECT {17}, {17}, 'report', NULL",
                ("CHANGED", "objects", 17),
            ),
            ("DELETE FROM ledger_entry WHERE id = {17}", ("DELETED", "entry", 17)),
            ("DELETE FROM ledger_chain WHERE seq = 17", ("DELETED", "seq", 17)),
            ("DELETE FROM ledger_chain WHERE seq > 25", ("TRUNCATED", "seq", 26)),
            (
                "UPDATE ledger_chain SET leaf_hash = sha256('x') WHERE seq = 17",
                ("CHANGED", "leaf_hash", 17),
            ),
            (
                "UPDATE ledger_chain SET prev_hash = sha256('x') WHERE seq = 17",
                ("CHANGED", "prev_hash", 17),
            ),
            (
                "UPDATE ledger_chain SET chain_hash = sha256('x') WHERE seq = 17",
                ("CHANGED", "chain_hash", 17),
            ),
            (
                "UPDATE ledger_chain SET numbered_at = numbered_at + interval '1 us' WHERE seq = 17",
                ("CHANGED", "numbered_at", 17),
            ),
            (
                "UPDATE ledger_chain SET recorded_at = recorded_at + interval '1 us' WHERE seq = 17",
                ("CHANGED", "recorded_at", 17),
            ),
            (
                "UPDATE ledger_checkpoint SET root = sha256('x') WHERE size = 20",
                ("CHANGED", "checkpoint", 20),
            ),
            (
                "UPDATE ledger_checkpoint SET note = replace(note, 'fanal', 'other') WHERE size = 20",
                ("SIGNATURE", "note", 20),
            ),
            ("DELETE FROM ledger_checkpoint WHERE size = 20", ("ROLLED_BACK", "checkpoint", 20)),
        ],
    )
    def test_names_number_and_field(
        self, filled: None, statement: str, wanted: tuple[str, str, int]
    ) -> None:
        tamper(
            re.sub(r"\{(\d+)\}", r"(SELECT entry_id FROM ledger_chain WHERE seq = \1)", statement)
        )
        assert wanted in problems()

    def test_entries_from_before_writers_were_kept_are_whole(self) -> None:
        """Leaves of version 1 and 2 in one log; taking a writer away afterwards is seen (above)."""
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE ledger_entry ALTER writer SET DEFAULT NULL")
            fill(20)
            cursor.execute("ALTER TABLE ledger_entry ALTER writer SET DEFAULT session_user")
        fill(10)
        found = verify_ledger(now=clock_now())
        assert (found.size, found.problems) == (30, [])
        assert found.writers == {"": 20, "fanal_owner": 10}

    def test_a_motive_without_entry_is_seen(self) -> None:
        fill()
        tamper(f"INSERT INTO ledger_motive VALUES ('{new_id(NOW)}', 'x')")
        assert problems() == [("DELETED", "entry", None)]

    def test_a_rollback_to_an_older_state_is_seen_from_outside(self, filled: None) -> None:
        tamper("DELETE FROM ledger_object")
        for table, column in (("chain", "seq"), ("checkpoint", "size")):
            tamper(f"DELETE FROM ledger_{table} WHERE {column} > 20")
        for table, column in (("motive", "entry_id"), ("entry", "id")):
            tamper(
                f"DELETE FROM ledger_{table} WHERE {column} NOT IN"
                " (SELECT entry_id FROM ledger_chain)"
            )
        found = problems()
        assert ("ROLLED_BACK", "checkpoint", 30) in found
        assert ("TRUNCATED", "seq", 21) in found

    def test_a_damaged_byte_of_the_file_outside_is_a_problem_and_stops_nothing(self) -> None:
        fill()
        path = signer.current().checkpoint_file
        assert path is not None
        whole = path.read_bytes()
        first = whole.index(b"\n\n", whole.index(b"\n\n") + 2)
        for place in range(0, first, 7):
            path.write_bytes(whole[:place] + b"\xff" + whole[place + 1 :])
            found = problems()
            assert ("SIGNATURE", "outside", None) in found, place
        path.write_bytes(whole)
        assert problems() == []

    def test_an_entry_without_number_fails_after_a_minute(self) -> None:
        fill()
        operations.record(actor=ANALYST, action="report.read", at=clock_now())
        assert problems() == []
        assert problems(timedelta(seconds=62)) == [("PENDING", "seq", None)]

    def test_a_copy_of_another_log_is_no_proof(self, tmp_path: Path, log_file: Path) -> None:
        fill()
        other = tmp_path / "other.txt"
        other.write_text(log_file.read_text().replace("fanal.test", "other.test"))
        found = verify_ledger(now=clock_now(), outside=[other])
        assert {p.code for p in found.problems} == {Code.SIGNATURE}


@pytest.mark.django_db
@pytest.mark.role("worker")
def test_motives_expire_after_three_years_and_the_log_stays_whole() -> None:
    long_ago, now = clock_now() - timedelta(days=1200), clock_now()
    for at in (long_ago, now):
        operations.record(actor=ANALYST, action="report.read", at=at)
    operations.sequence_pending(now=now)
    system = system_actor("expiry")
    limit = now - operations.MOTIVES_KEPT
    with pytest.raises(ValueError, match="three years"):
        operations.expire_motives(actor=system, before=limit + timedelta(days=1), now=now)
    with pytest.raises(Refused):
        operations.expire_motives(actor=ANALYST, before=limit, now=now)
    assert operations.expire_motives(actor=system, before=limit, now=now) == 1
    assert operations.expire_motives(actor=system, before=limit, now=now) == 0
    assert problems() == []
    assert sorted(e.motive for e in queries.list_entries(actor=SYSTEM)) == [
        "",
        "case 12",
        "expiry",
    ]


@pytest.mark.django_db
class TestQueries:
    def test_the_history_of_an_object(self) -> None:
        report = new_id(NOW)
        for action in ("report.read", "decision.take"):
            operations.record(
                actor=ANALYST,
                action=action,
                at=NOW,
                objects=[ObjectRef(kind="report", id=report)],
            )
        operations.record(actor=ANALYST, action="report.read", at=NOW)
        lines = queries.entries_of(actor=ANALYST, object_id=report)
        assert sorted(line.action for line in lines) == ["decision.take", "report.read"]
        assert {line.motive for line in lines} == {"case 12"}
        assert len(queries.list_entries(actor=SYSTEM)) == 3
        assert (
            len(queries.list_entries(actor=SYSTEM, sought=SoughtEntries(action="report.read"))) == 2
        )
        newest = queries.list_entries(actor=SYSTEM, limit=1)[0]
        older = SoughtEntries(before=newest.id)
        assert newest not in queries.list_entries(actor=SYSTEM, sought=older)

    @pytest.mark.parametrize(
        "role", [Role.PARTNER, Role.PUBLIC, Role.STATISTICIAN, Role.ADMINISTRATOR]
    )
    def test_refuses_roles_without_content_right(self, role: Role) -> None:
        actor = Actor(person_id=new_id(NOW), roles=frozenset({role}))
        with pytest.raises(Refused):
            queries.entries_of(actor=actor, object_id=new_id(NOW))


@pytest.mark.django_db
@pytest.mark.role("owner")
def test_an_outside_verifier_agrees(tmp_path: Path, log_file: Path, repository: Path) -> None:
    """The script of the documentation shares no code with this package."""
    fill()
    export = tmp_path / "export.jsonl"
    lines = [
        {"seq": seq, "db_at": microseconds(db_at), "writer": writer, "body": body.decode()}
        for seq, db_at, writer, body in queries.walk_leaves(actor=system_actor("test"))
    ]
    key = log_file.with_name("ledger-0001.vkey")
    key.write_text(signer.current().known_keys[-1].encode() + "\n")
    script = repository / "docs" / "how-to" / "verify_ledger.py"

    def run() -> subprocess.CompletedProcess[str]:
        export.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return subprocess.run(
            [sys.executable, script, key, log_file, export],
            capture_output=True,
            text=True,
            check=False,
        )

    good = run()
    assert (good.returncode, good.stdout.strip()) == (0, "3 checkpoints hold; 30 entries"), good
    lines[4]["body"] = str(lines[4]["body"]).replace("report.orient", "report.erased")
    bad = run()
    assert bad.returncode == 1
    assert "checkpoint 10" in bad.stderr
    lines[4]["body"] = str(lines[4]["body"]).replace("report.erased", "report.orient")
    del lines[25:]
    cut = run()
    assert cut.returncode == 1
    assert "checkpoint 30" in cut.stderr
    key.write_text(SIGNING_ELSEWHERE)
    assert "not signed by these keys" in run().stderr
