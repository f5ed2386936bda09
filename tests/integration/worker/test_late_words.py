"""Expiry of conversations and identities: what comes while it runs is kept, and a restore erases nothing newer."""

import json
import threading
from datetime import datetime, timedelta
from types import SimpleNamespace
from uuid import UUID

import psycopg
import pytest
from django.db import connection, connections

from fanal.cli import restore
from fanal.db import sql
from fanal.intake.operations.holds import place_hold
from fanal.kernel import clock
from fanal.vault import keyring
from fanal.vault.operations import erase as vault
from fanal.worker import expiry
from tests.integration.orient.test_filters import INSERT_CASE
from tests.integration.worker.test_unheard import NOW, SUPERVISOR, SYSTEM, keys, old_report, write

__all__ = ["keys"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.role("worker")]
TWO_YEARS = timedelta(days=731)


def decided() -> tuple[UUID, str]:
    """A report of three years ago, decided, and its code."""
    report_id, code = old_report(years=3)
    at = NOW - timedelta(days=1000)
    case = [
        report_id,
        1,
        "DECIDED",
        50,
        "HIGH",
        "OTHER",
        "",
        "",
        at,
        None,
        None,
        UUID(int=0),
        at,
        at,
    ]
    with connection.cursor() as cursor:
        cursor.execute(INSERT_CASE, [*case, False, None, "", None, "", False])
    return report_id, code


def dated_back(owner: psycopg.Connection, table: str, change: str) -> None:
    """Do as the tables' owner what no role may: as if it had been written so long ago."""
    owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    owner.execute(f"UPDATE {table} SET {change}")
    owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def words_of(report_id: UUID) -> tuple[int, int]:
    """The number of a report's messages, and of its sealed messages that can be opened."""
    [said] = sql.one("SELECT count(*) FROM intake_message WHERE report_id = %s", [report_id])
    living = "SELECT count(*) FROM vault_object WHERE owner_id = %s AND kind = 'message' AND erased_at IS NULL"
    return said, sql.one(living, [report_id])[0]


@pytest.mark.parametrize("comes", ["nothing", "answer", "hold"])
def test_what_comes_while_conversations_are_erased_is_kept(
    as_role, monkeypatch: pytest.MonkeyPatch, comes: str
) -> None:
    (silent, code), (report_id, its_code) = decided(), decided()
    for each in (code, its_code):
        write(each)
    dated_back(as_role("owner"), "intake_message", "created_at = now() - interval '900 days'")
    listed = expiry.list_silent

    def meanwhile(**asked: object) -> list[UUID]:
        found = listed(**asked)
        if report_id in found and comes == "answer":
            write(its_code, clock.now())
        elif report_id in found and comes == "hold":
            place_hold(actor=SUPERVISOR, report_id=report_id, motive="file 12", now=clock.now())
        return found

    monkeypatch.setattr(expiry, "list_silent", meanwhile)
    expiry.expire(actor=SYSTEM, now=NOW)
    assert words_of(silent) == (0, 0)
    assert words_of(report_id) == {"nothing": (0, 0), "answer": (2, 2), "hold": (1, 1)}[comes]


def test_an_identity_under_a_new_hold_is_kept(as_role, monkeypatch: pytest.MonkeyPatch) -> None:
    (report_id, _code), (other, _other) = old_report(years=3), old_report(years=3)
    dated_back(as_role("owner"), "intake_report", "identity_id = gen_random_uuid()")
    listed = expiry.list_expired

    def meanwhile(**asked: object) -> list[UUID]:
        found = listed(**asked)
        if report_id in found:
            place_hold(actor=SUPERVISOR, report_id=report_id, motive="file 12", now=clock.now())
        return found

    monkeypatch.setattr(expiry, "list_expired", meanwhile)
    assert expiry.expire(actor=SYSTEM, now=NOW)["identities"] == 1
    left = sql.rows("SELECT id FROM intake_report WHERE identity_id IS NOT NULL")
    assert left == [(report_id,)]
    assert other != report_id


def repeat(lines: list[str], now: datetime) -> int:
    return vault.replay_erasures(actor=SYSTEM, now=now, lines=lines)


def test_a_restore_erases_no_word_that_is_newer_than_the_erasure() -> None:
    report_id, code = old_report(years=3)
    write(code)
    before = sql.rows(
        "SELECT wrapped_key, sha256 FROM vault_object WHERE owner_id = %s AND kind = 'message'",
        [report_id],
    )
    later = NOW + timedelta(minutes=1)
    vault.erase(actor=SYSTEM, owner_ids=[report_id], now=later, kinds=["message"])
    [(old, _erased)] = sql.rows(
        "SELECT id, erased_at FROM vault_object WHERE owner_id = %s AND kind = 'message'",
        [report_id],
    )
    # Dated before the erasure and stored after it, as a child's whose web process waited for the disk.
    write(code, NOW + timedelta(seconds=5))
    lines = vault.write_erasure_list().read_text().splitlines()
    assert repeat(lines, NOW + timedelta(hours=2)) == 0
    assert words_of(report_id) == (2, 1)
    # As a backup brings it back: the old message can be opened again until the list is replayed.
    sql.run(
        "UPDATE vault_object SET wrapped_key = %s, sha256 = %s, erased_at = NULL WHERE id = %s",
        [*before[0], old],
    )
    assert repeat(lines, NOW + timedelta(hours=2)) == 1
    assert words_of(report_id) == (2, 1)
    again = vault.write_erasure_list().read_text().splitlines()
    assert repeat(again, NOW + timedelta(hours=3)) == 0, "the second restore keeps it too"
    timeless = [json.dumps({"owner": str(report_id), "kind": "message"})]
    assert repeat([*timeless, *lines], NOW + timedelta(hours=3)) == 0, (
        "a line with its time counts more"
    )
    assert repeat(timeless, NOW + timedelta(hours=3)) == 1, "as lists without times did"
    with pytest.raises(ValueError, match="no erasure"):
        repeat([json.dumps({"owner": str(report_id)})], NOW)


def test_a_restore_leaves_no_message_without_its_text() -> None:
    """The list is newer than the backup: a hold that the backup brings back keeps its row from expiry."""
    report_id, code = decided()
    write(code, NOW)
    vault.erase(actor=SYSTEM, owner_ids=[report_id], now=NOW, kinds=["message"])
    write(code, NOW + timedelta(minutes=1))
    assert words_of(report_id) == (2, 1)
    restore._check(vault.write_erasure_list().read_text().splitlines())
    assert words_of(report_id) == (1, 1), "what is newer stays"
    [counted] = sql.one("SELECT count(*) FROM orient_answer WHERE report_id = %s", [report_id])
    assert counted <= 1


@pytest.mark.parametrize("eraser", ["payers", "measures", "acts"])
def test_an_error_in_an_eraser_leaves_no_transaction_open(
    monkeypatch: pytest.MonkeyPatch, eraser: str
) -> None:
    """It would stay with the thread of the jobs, whose connection is closed inside it, for good."""
    report_id, _code = old_report(years=3)
    due = [SimpleNamespace(id=report_id, report_ids=[report_id])]

    def fails(**_asked: object) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(expiry.acts, "list_due", lambda **_asked: due)
    for name in ("erase_words", "forget_subjects"):
        monkeypatch.setattr(expiry, name, fails)
    monkeypatch.setattr(expiry.measures, "erase_words", fails)
    [erase] = [one.erase for one in expiry.ERASERS if one.name == eraser]
    with pytest.raises(ZeroDivisionError) as failure:
        erase(SYSTEM, NOW, NOW)
    assert not connection.in_atomic_block, failure  # which keeps what its frames hold alive
    assert sql.rows("SELECT 1", []) == [(1,)]


def test_a_torn_list_of_erasures_is_mended_by_the_next_one() -> None:
    """On a full disk the end of a line is missing, and the next one followed on it."""
    (first, code), (second, its_code) = old_report(years=3), old_report(years=3)
    for each in (code, its_code):
        write(each)
    vault.erase(actor=SYSTEM, owner_ids=[first], now=NOW, kinds=["message"])
    path = vault.write_erasure_list()
    path.write_text(path.read_text()[:-20])
    vault.erase(actor=SYSTEM, owner_ids=[second], now=NOW, kinds=["message"])
    listed = [vault.parse_line(line).owner_id for line in path.read_text().splitlines()]
    assert {first, second} <= set(listed)


def test_two_erasures_at_once_lose_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second is written while the first one has read the list and not yet written."""
    (first, code), (second, its_code) = old_report(years=3), old_report(years=3)
    for each in (code, its_code):
        write(each)
    rows = sql.rows

    def second_one() -> None:
        vault.erase(actor=SYSTEM, owner_ids=[second], now=NOW, kinds=["message"])
        connections.close_all()

    def meanwhile(query: str, *given: object) -> list[tuple[object, ...]]:
        found = rows(query, *given)
        if "FROM vault_erasure" in query:
            monkeypatch.setattr(sql, "rows", rows)
            other = threading.Thread(target=second_one)
            other.start()
            other.join()
        return found

    monkeypatch.setattr(sql, "rows", meanwhile)
    vault.erase(actor=SYSTEM, owner_ids=[first], now=NOW, kinds=["message"])
    path = keyring.current().vault_folder / "erasures.log"
    listed = [vault.parse_line(line).owner_id for line in path.read_text().splitlines()]
    assert {first, second} <= set(listed)


@pytest.mark.parametrize(
    "line",
    [
        "[" * 100_000,
        "[]",
        '{"owner": 5, "kind": "message"}',
        json.dumps({"owner": str(UUID(int=1)), "kind": "message", "at": []}),
        json.dumps({"owner": str(UUID(int=1)), "kind": "message", "at": "2026-12-01T00:00:00"}),
    ],
)
def test_an_unreadable_line_is_no_erasure(line: str) -> None:
    with pytest.raises(ValueError, match="no erasure"):
        vault.parse_line(line)
