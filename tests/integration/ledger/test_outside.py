"""Checkpoints outside the database, signed by processes that die: no false alarm, and nothing lost."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db import connection

from fanal.kernel.actors import system_actor
from fanal.kernel.clock import now as clock_now
from fanal.ledger import operations, signer
from fanal.ledger.domain.checkpoint import open_note, split_notes
from fanal.ledger.domain.verify import Code, LedgerProblem
from fanal.ledger.verification import verify_ledger

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.role("worker")]


class Died(Exception):
    """The process ended here."""


@pytest.fixture(autouse=True)
def log_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "log" / "checkpoints.txt"
    monkeypatch.setattr(signer, "_installed", [replace(signer.current(), checkpoint_file=path)])
    return path


def write() -> None:
    operations.record(actor=system_actor("test"), action="backup.make", at=NOW)
    operations.sequence_pending(now=NOW)


def sizes(path: Path) -> list[int]:
    notes = split_notes(path.read_text()) if path.exists() else []
    return [open_note(note, keys=signer.current().known_keys).size for note in notes]


def verified() -> list[LedgerProblem]:
    """Verify on a connection of its own, as `fanal ledger verify` does."""

    def look() -> list[LedgerProblem]:
        try:
            return verify_ledger(now=clock_now()).problems
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(look).result()


def at_place(monkeypatch: pytest.MonkeyPatch, place: str, act: Callable[[], None]) -> None:
    monkeypatch.setattr(operations, "failpoint", lambda here: act() if here == place else None)


def sign_and_die(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    def die() -> None:
        raise Died

    with monkeypatch.context() as dying:
        at_place(dying, place, die)
        with pytest.raises(Died):
            operations.sign_checkpoint(now=NOW)


@pytest.mark.parametrize(
    ("place", "left_out"), [("checkpoint.signed", [1, 3]), ("checkpoint.committed", [1, 2, 3])]
)
def test_a_signer_that_dies_raises_no_false_alarm(
    log_file: Path, monkeypatch: pytest.MonkeyPatch, place: str, left_out: list[int]
) -> None:
    write()
    operations.sign_checkpoint(now=NOW)
    write()
    sign_and_die(monkeypatch, place)
    assert sizes(log_file) == [1]
    assert verified() == []
    write()
    operations.sign_checkpoint(now=NOW)
    assert sizes(log_file) == left_out
    assert verified() == []


def test_one_that_only_catches_up_signs_nothing(
    log_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write()
    sign_and_die(monkeypatch, "checkpoint.committed")
    assert operations.sign_checkpoint(now=NOW) is None
    assert sizes(log_file) == [1]


@pytest.mark.parametrize("place", ["checkpoint.signed", "checkpoint.committed"])
def test_a_verification_while_a_checkpoint_is_signed_is_no_alarm(
    monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    found: list[list[LedgerProblem]] = []
    at_place(monkeypatch, place, lambda: found.append(verified()))
    write()
    operations.sign_checkpoint(now=NOW)
    assert found == [[]]


@pytest.mark.parametrize(
    ("spoil", "problems", "compared"),
    [
        (lambda text: text, [], 2),
        (lambda text: text.replace("\n", " \r\n"), [], 2),
        (lambda text: text.rstrip("\n"), [], 2),
        (lambda text: "\ufeff" + text, [], 2),
        (lambda text: text.replace("\n\n", "\n"), [Code.NO_CHECKPOINT], 0),
        (lambda text: "".join(f"> {line}\n" for line in text.split("\n")), [Code.NO_CHECKPOINT], 0),
        (lambda _text: "", [Code.NO_CHECKPOINT], 0),
        (lambda _text: "<html></html>\n", [Code.NO_CHECKPOINT], 0),
        (lambda _text: b"\xff\xfe", [Code.NO_CHECKPOINT], 0),
        (lambda text: text + "one line more\n", [Code.NO_CHECKPOINT], 0),
        (lambda _text: "one\n\ntwo\n", [Code.SIGNATURE], 0),
    ],
)
def test_a_copy_that_cannot_be_compared_is_never_whole(
    log_file: Path,
    tmp_path: Path,
    spoil: Callable[[str], str | bytes],
    problems: list[Code],
    compared: int,
) -> None:
    for _ in range(2):
        write()
        operations.sign_checkpoint(now=NOW)
    copy, spoilt = tmp_path / "copy.txt", spoil(log_file.read_text())
    copy.write_bytes(spoilt if isinstance(spoilt, bytes) else spoilt.encode())
    found = verify_ledger(now=clock_now(), outside=[copy])
    assert ([one.code for one in found.problems], found.compared) == (problems, compared)


@pytest.mark.parametrize("kept", [0, 1, 20, 80, -2, -1])
def test_a_note_that_was_cut_short_is_written_again(log_file: Path, kept: int) -> None:
    write()
    operations.sign_checkpoint(now=NOW)
    first = log_file.read_text()
    write()
    operations.sign_checkpoint(now=NOW)
    whole = log_file.read_text()
    log_file.write_text(first + whole[len(first) :][:kept])
    operations.sign_checkpoint(now=NOW)
    assert log_file.read_text() == whole


def test_a_file_of_something_else_is_left_alone(log_file: Path) -> None:
    log_file.parent.mkdir()
    log_file.write_text("x" * 20_000)
    with pytest.raises(OSError, match="does not end"):
        signer.bring_up_to_date(log_file, notes_after=lambda _size: [])
    assert log_file.read_text() == "x" * 20_000


@pytest.mark.parametrize("text", ["one line", "origin\nno number\nhash"])
def test_a_note_without_a_tree_size_is_an_error_of_the_file(log_file: Path, text: str) -> None:
    log_file.parent.mkdir()
    spoilt = f"{text}\n\n— name signature\n\n"
    log_file.write_text(spoilt)
    with pytest.raises(OSError, match="does not end"):
        signer.bring_up_to_date(log_file, notes_after=lambda _size: [])
    assert log_file.read_text() == spoilt
