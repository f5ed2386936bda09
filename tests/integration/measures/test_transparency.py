"""The transparency log: what is committed, published, opened, and what an expiry leaves of it."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import transaction

from fanal.db import sql
from fanal.ledger.domain.checkpoint import Checkpoint, NoteKey
from fanal.measures.blocking import acts
from fanal.measures.transparency.log import (
    LogKeys,
    Opening,
    bring_up_to_date,
    check_opening,
    opening_of_list,
    openings_of_act,
)
from fanal.measures.transparency.tiles import LogRefused, verify_log
from tests.integration.measures.blockings import ANALYST, ago, listed, take
from tests.integration.measures.raw import PRIVILEGE, RESTRICT, sqlstate
from tests.integration.measures.test_blocklist_publish import made
from tests.integration.orient.people import WORKER
from tests.server import as_worker

VERIFIER = Path(__file__).parents[3] / "docs/how-to/verify_transparency.py"
_KEY = Ed25519PrivateKey.generate()
KEYS = LogKeys(signing=_KEY, known=(NoteKey(name="log.test/t", public=_KEY.public_key()),))


def published(folder: Path) -> tuple[Checkpoint, list[bytes]]:
    """Bring the log in a folder up to date as the worker's role does, and verify it."""
    with as_worker():
        signed = bring_up_to_date(folder, keys=KEYS)
    found = verify_log(folder, keys=KEYS.known)
    assert found[0] == signed
    return found


def opened(act_id: UUID) -> tuple[Opening, ...]:
    """Open the commitments to the steps of an act, as an analyst does."""
    return openings_of_act(actor=ANALYST, act_id=act_id, now=datetime.now(UTC))


def alone(folder: Path, *further: Path) -> str:
    """Verify with the script that needs no Fanal; return what it prints, or why it fails."""
    key = folder.parent / "key.vkey"
    key.write_text(KEYS.known[0].encode())
    done = subprocess.run(
        [sys.executable, "-I", VERIFIER, key, folder, *further],
        capture_output=True,
        text=True,
        check=False,
    )
    return (done.stdout or done.stderr).strip()


def test_every_step_is_committed_and_opens(tmp_path: Path) -> None:
    blocking_id = listed(2, host="one.example")
    _, commitments = published(tmp_path / "log")
    openings = opened(blocking_id)
    said = [check_opening(one, commitments) for one in openings]
    steps = sql.rows(
        "SELECT transition, target FROM casework_step WHERE act_id = %s ORDER BY db_at",
        [blocking_id],
    )
    assert [(one["transition"], one["state"]) for one in said] == steps
    digest = sql.one(
        "SELECT encode(digest, 'hex') FROM casework_document WHERE act_id = %s", [blocking_id]
    )
    assert {one["document"] for one in said} == {digest[0]}
    assert not any("one.example" in one.statement for one in openings)


def test_a_step_that_is_rolled_back_leaves_nothing() -> None:
    blocking_id = listed(2, host="one.example")
    before = len(opened(blocking_id))
    with transaction.atomic():
        take(blocking_id, "lift", datetime.now(UTC), outcome="GONE")
        assert len(opened(blocking_id)) == before + 1
        transaction.set_rollback(True)
    assert len(opened(blocking_id)) == before


def test_the_list_that_a_provider_loads_is_the_one_in_the_log(tmp_path: Path) -> None:
    listed(2, host="one.example")
    done = made(tmp_path / "list")
    published(tmp_path / "log")
    opening, log = tmp_path / "opening.json", tmp_path / "log"
    opening.write_bytes(msgspec.json.encode(opening_of_list(done.block.serial)))
    blocking = tmp_path / "list/latest/blocking.json"
    assert alone(log, opening, blocking).endswith("1 openings: whole")
    blocking.write_bytes(blocking.read_bytes() + b" ")
    assert "no opening is of" in alone(log, opening, blocking)
    other = json.loads(opening.read_text())
    other["statement"] = other["statement"].replace('"entries" : 1', '"entries" : 2')
    opening.write_text(json.dumps(other))
    assert "does not contain" in alone(log, opening)


def test_the_log_verifies_after_an_expiry_which_nothing_opens_any_more(tmp_path: Path) -> None:
    blocking_id = listed(3, host="one.example")
    first, commitments = published(tmp_path)
    openings = opened(blocking_id)
    take(blocking_id, "lift", ago(2), outcome="GONE")
    take(blocking_id, "restore", ago(1))
    with as_worker():
        acts.erase_words(actor=WORKER, act_ids=[blocking_id], now=datetime.now(UTC))
    assert opened(blocking_id) == ()
    words = sql.rows(
        "SELECT statement, blinding FROM measures_commitment WHERE act_id = %s", [blocking_id]
    )
    assert set(words) == {("", None)}
    signed, later = published(tmp_path)
    assert later[: first.size] == commitments
    assert signed.size == first.size + 2
    verify_log(tmp_path, keys=KEYS.known, earlier=[first.note])
    check_opening(openings[0], later)  # who kept it can still show it


def test_nothing_new_keeps_the_checkpoint_with_its_signatures(tmp_path: Path) -> None:
    listed(2, host="one.example")
    published(tmp_path)
    note = (tmp_path / "checkpoint").read_text() + "— witness.test AAAAAAAA\n"
    (tmp_path / "checkpoint").write_text(note)
    with as_worker():
        assert bring_up_to_date(tmp_path, keys=KEYS).note == note


def test_a_restore_from_an_older_backup_goes_on_after_what_was_published(tmp_path: Path) -> None:
    with transaction.atomic():
        point = transaction.savepoint()
        listed(2, host="lost.example")
        longer, commitments = published(tmp_path)
        transaction.savepoint_rollback(point)
        listed(2, host="new.example")
        signed, later = published(tmp_path)
    assert later[: longer.size] == commitments
    assert signed.size > longer.size
    verify_log(tmp_path, keys=KEYS.known, earlier=[longer.note])


def test_a_folder_of_another_log_is_not_extended(tmp_path: Path) -> None:
    with transaction.atomic():
        point = transaction.savepoint()
        listed(2, host="one.example")
        published(tmp_path / "one")
        transaction.savepoint_rollback(point)
        listed(2, host="two.example")
        published(tmp_path / "two")
        with pytest.raises(LogRefused, match="not that of this database"), as_worker():
            bring_up_to_date(tmp_path / "one", keys=KEYS)


def test_a_lost_folder_is_written_again(tmp_path: Path) -> None:
    listed(2, host="one.example")
    assert published(tmp_path / "one")[1] == published(tmp_path / "two")[1]


@pytest.mark.role("owner")
def test_the_database_changes_no_commitment_and_no_number(tmp_path: Path) -> None:
    listed(2, host="one.example")
    published(tmp_path)
    for statement in (
        "UPDATE measures_commitment SET blinding = NULL, statement = ''",
        "UPDATE measures_commitment SET commitment = sha256('x')",
        "DELETE FROM measures_commitment",
        "UPDATE measures_log SET position = position + 1000",
        "DELETE FROM measures_log",
    ):
        assert sqlstate(statement, []) == RESTRICT, statement


def test_the_desk_writes_neither() -> None:
    insert = "INSERT INTO measures_log VALUES (0, sha256('x'))"
    assert sqlstate(insert, []) == PRIVILEGE
    call = "SELECT measures_commit(NULL, NULL, 1, 'words')"
    assert sqlstate(call, []) == PRIVILEGE


def test_a_changed_log_is_refused(tmp_path: Path) -> None:
    listed(2, host="one.example")
    first, _ = published(tmp_path / "log")
    entries = next((tmp_path / "log/tile/entries").rglob(f"*.p/{first.size}"))
    content = bytearray(entries.read_bytes())
    content[40] ^= 1
    entries.write_bytes(content)
    assert "not those of the checkpoint" in alone(tmp_path / "log")
    with pytest.raises(LogRefused, match="another root"):
        verify_log(tmp_path / "log", keys=KEYS.known)
