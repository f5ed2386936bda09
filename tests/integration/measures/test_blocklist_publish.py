"""Versions of the list: what may leave, what never waits, and serials that rise whatever was restored."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import transaction

from fanal.accounts.domain.instructions import InstructionKind, NewInstruction
from fanal.accounts.domain.policy import Refused
from fanal.accounts.operations.instructions import second_instruction
from fanal.bearers import propose_instruction
from fanal.kernel.refusal import Refusal
from fanal.ledger import signer
from fanal.measures.blocking.blocklist import sign_manifest
from fanal.measures.blocking.publication import folder as published
from fanal.measures.blocking.publication.exports import Exported, export_list
from fanal.measures.blocking.publication.publish import (
    FLOOR,
    MARGIN,
    Publication,
    changes_waiting,
    due_again,
    mark_of_changes,
    publish,
)
from fanal.measures.blocking.register import count_own
from fanal.measures.models import StoredCleared, StoredList, StoredReturned
from fanal.measures.operations import issuing_authority
from tests.integration.measures.blockings import ANALYST, COLLEAGUE, SUPERVISOR, ago, listed, take
from tests.integration.measures.raw import sqlstate
from tests.integration.orient.people import WORKER, person
from tests.server import as_worker

CHECK, UNIQUE, PRIVILEGE = "23514", "23505", "42501"
HOUR = timedelta(hours=1)


def now() -> datetime:
    return datetime.now(UTC)


def made(
    folder: Path, *, by_person: bool = True, at: datetime | None = None, known: tuple[int, ...] = ()
) -> Publication:
    """Publish as the worker's role does, and verify what is then in the folder."""
    at = at or now()
    with as_worker():
        done = publish(actor=WORKER, folder=folder, by_person=by_person, known=known, now=at)
    keys = signer.current().known_keys
    assert published.verify_folder(folder, keys=keys, now=at).block == done.block
    return done


def instruct(*names: str) -> None:
    """Put an instruction BLOCKLIST in force, by two supervisors."""
    at = now()
    asked = NewInstruction(
        kind=InstructionKind.BLOCKLIST,
        names=names,
        grounds="Test.",
        basis="LCEN 6-1",
        valid_from=at - HOUR,
        expires_at=at + HOUR,
    )
    made_id = propose_instruction(actor=SUPERVISOR, instruction=asked, now=at)
    second = person(*SUPERVISOR.roles)
    second_instruction(actor=second, instruction_id=made_id, now=at)


@pytest.fixture
def floor(monkeypatch: pytest.MonkeyPatch) -> int:
    """A small bound of large changes: the real one is met by `test_a_large_change_needs_an_instruction_that_names_it`."""
    monkeypatch.setattr("fanal.measures.blocking.publication.publish.FLOOR", 4)
    return 4


def test_a_version_is_kept_with_its_digest_before_it_can_be_read(tmp_path: Path) -> None:
    listed(2, host="one.example")
    done = made(tmp_path)
    assert (done.new, done.block.names, done.held) == (True, ("one.example",), 0)
    row = StoredList.objects.get(serial=done.block.serial)
    manifest = (tmp_path / "latest/blocking.json.manifest.json").read_text()
    assert f'"sha256":"{row.digest}"' in manifest
    assert (row.purpose, row.made_by, row.entries) == ("publish", WORKER.person_id, 1)


def test_a_folder_that_cannot_be_written_keeps_its_version(tmp_path: Path) -> None:
    blocking_id = listed(2, host="one.example")
    first = made(tmp_path)
    take(blocking_id, "free", now(), actor=ANALYST)
    at = now() + timedelta(seconds=5)
    (tmp_path / str(int(at.timestamp()))).mkdir()
    ((tmp_path / str(int(at.timestamp()))) / "x").touch()
    with pytest.raises(OSError, match="not empty"), as_worker():
        publish(actor=WORKER, folder=tmp_path, by_person=True, now=at)
    keys = signer.current().known_keys
    assert published.verify_folder(tmp_path, keys=keys, now=now()).block == first.block
    assert made(tmp_path, at=at + timedelta(seconds=5)).block.names == ()


def test_a_stop_page_below_a_blocked_name_delays_no_lifting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page moved there after the name was blocked: that name is kept off the list, and counted."""
    listed(2, host="one.example")
    other = listed(2, host="other.example")
    assert made(tmp_path).block.names == ("one.example", "other.example")
    monkeypatch.setattr(issuing_authority, "_hosts", ["stop.one.example", "desk.example"])
    take(other, "free", now(), actor=ANALYST)
    assert made(tmp_path).block.names == ()
    assert count_own(now=now()) == 1
    monkeypatch.setattr(issuing_authority, "_hosts", ["stop.example", "form.one.example"])
    assert made(tmp_path).block.names == ()
    monkeypatch.setattr(issuing_authority, "_hosts", ["stop.example", "notone.example"])
    assert made(tmp_path).block.names == ("one.example",)
    assert count_own(now=now()) == 0


def test_without_a_permission_new_names_wait_and_what_is_lifted_does_not(tmp_path: Path) -> None:
    old = listed(2, host="old.example")
    made(tmp_path)
    listed(2, host="new.example")
    take(old, "free", now(), actor=ANALYST)
    done = made(tmp_path, by_person=False)
    assert (done.block.names, done.held, done.large) == ((), 1, False)
    assert changes_waiting(folder=tmp_path, now=now()).change == done.change
    instruct()
    assert made(tmp_path, by_person=False).block.names == ("new.example",)


def test_a_large_change_needs_an_instruction_that_names_it(tmp_path: Path) -> None:
    old = listed(2, host="old.example")
    made(tmp_path)
    for number in range(FLOOR + 1):
        listed(2, host=f"n{number}.example")
    instruct()
    take(old, "lift", now(), outcome="GONE")
    done = made(tmp_path)
    assert (done.block.names, done.held, done.large) == ((), FLOOR + 1, True)
    instruct("0" * 64)
    assert made(tmp_path).block.names == ()
    instruct(done.change)
    assert len(made(tmp_path).block.names) == FLOOR + 1
    assert changes_waiting(folder=tmp_path, now=now()).names == 0
    listed(2, host="one-more.example")
    assert made(tmp_path, by_person=False).held == 0


def test_an_export_has_no_name_of_a_large_change_that_is_held_back(
    tmp_path: Path, floor: int
) -> None:
    def exported() -> Exported:
        with as_worker():
            return export_list(actor=WORKER, gate=None, now=now())

    listed(2, host="old.example")
    for number in range(floor + 1):
        listed(2, host=f"n{number}.example")
    assert exported().held == 0  # nothing was ever published: a person's act is the only way out
    instruct(changes_waiting(folder=tmp_path, now=now()).change)
    assert len(made(tmp_path).block.names) == floor + 2
    for number in range(floor + 1):
        listed(2, host=f"m{number}.example")
    waiting = changes_waiting(folder=tmp_path, now=now())
    done = exported()
    assert (len(done.block.names), done.held, done.change) == (floor + 2, floor + 1, waiting.change)
    instruct(waiting.change)
    assert (len(exported().block.names), exported().held) == (2 * floor + 3, 0)


def test_names_of_one_day_count_together(tmp_path: Path, floor: int) -> None:
    """Acts are listed one by one, and a version is made twice a second: an error leaves in small portions."""
    instruct()
    for number in range(floor):
        listed(2, host=f"first{number}.example")
    assert len(made(tmp_path, by_person=False).block.names) == floor
    listed(2, host="second.example")
    done = made(tmp_path)
    assert (len(done.block.names), done.held, done.large) == (floor, 1, True)
    assert changes_waiting(folder=tmp_path, now=now()).large
    instruct(done.change)
    assert len(made(tmp_path, by_person=False).block.names) == floor + 1
    listed(2, host="third.example")
    assert made(tmp_path).held == 1
    later = made(tmp_path, at=now() + timedelta(days=1))
    assert (len(later.block.names), later.held) == (floor + 2, 0)


def test_what_an_instruction_named_is_no_further_change_that_day(
    tmp_path: Path, floor: int
) -> None:
    for number in range(floor + 1):
        listed(2, host=f"n{number}.example")
    instruct(made(tmp_path).change)
    assert len(made(tmp_path).block.names) == floor + 1
    for number in range(floor):
        listed(2, host=f"more{number}.example")
    assert made(tmp_path).held == 0
    listed(2, host="last.example")
    assert made(tmp_path).held == 1


def test_an_instruction_names_a_change_by_a_digest() -> None:
    with pytest.raises(Refusal) as refused:
        instruct("old.example")
    assert refused.value.code == "UNKNOWN_NAME"


def test_what_did_not_change_is_renewed_after_an_hour(tmp_path: Path) -> None:
    listed(2, host="one.example")
    first, start = made(tmp_path), now()
    assert not made(tmp_path, at=start + HOUR / 2).new
    later = made(tmp_path, at=start + HOUR)
    assert later.new
    assert later.block.serial > first.block.serial
    assert later.block.entries == first.block.entries
    assert due_again(first.block) == first.block.made_at + HOUR


def test_an_entry_leaves_before_the_list_that_it_would_end(tmp_path: Path) -> None:
    blocking_id = listed(2, host="one.example")
    listed(2, host="two.example")
    take(blocking_id, "doubt", ago(0.5), outcome="APPEAL")
    first = made(tmp_path)
    ends = first.block.expires_at
    assert set(first.block.names) == {"one.example", "two.example"}
    assert made(tmp_path, at=ends - MARGIN - HOUR / 60).block.expires_at == ends
    last = made(tmp_path, at=ends - MARGIN)
    assert last.block.names == ("two.example",)
    assert last.block.expires_at > ends


def test_serials_rise_after_a_restore_from_an_older_backup(tmp_path: Path) -> None:
    """The folder has a version of which the database knows nothing: its signed serial counts."""
    keys, at = signer.current(), now()
    assert keys.signing_key is not None
    listed(2, host="one.example")
    first = made(tmp_path)
    ahead = first.block.serial + 10_000
    place = tmp_path / str(ahead)
    place.mkdir()
    values = {key: getattr(first.block, key) for key in first.block.__struct_fields__}
    for name, serial in (("signed", ahead), ("not", ahead + 10_000)):
        document = sign_manifest(
            type(first.block)(**{**values, "serial": serial}),
            file="blocking.csv", content=b"", name=keys.origin, key=keys.signing_key,
        )  # fmt: skip
        if name == "not":
            document = document.replace(b'"signatures":["', b'"signatures":["x')
        (place / f"{name}.manifest.json").write_bytes(document)
    at += 2 * HOUR
    done = made(tmp_path, at=at)
    assert done.block.serial == max(ahead + 1, int(at.timestamp()))
    assert done.block.serial < ahead + 10_000
    seen = done.block.serial + 500
    assert made(tmp_path, at=at + HOUR, known=(seen,)).block.serial > seen


class _Lost(Exception):
    """The database goes back to an earlier state; the folder does not."""


def test_a_restored_database_blocks_no_name_again_that_was_lifted_since_its_backup(
    tmp_path: Path,
) -> None:
    """The newest version does not hold it: two people see it before it is blocked again, whatever its number."""
    old = listed(2, host="lifted.example")
    listed(2, host="stays.example")
    instruct()
    made(tmp_path)
    with suppress(_Lost), transaction.atomic():
        take(old, "lift", now(), outcome="GONE")
        assert made(tmp_path).block.names == ("stays.example",)
        raise _Lost
    asked = changes_waiting(folder=tmp_path, now=now())
    assert (asked.names, asked.large) == (1, True)
    listed(0, host="new.example")
    for by_person, later in ((False, HOUR / 30), (True, HOUR / 30), (True, 2 * HOUR)):
        done = made(tmp_path, by_person=by_person, at=now() + later)
        assert (done.block.names, done.held, done.large) == (("stays.example",), 2, True)
    assert StoredReturned.objects.filter(act_id=old).exists()
    instruct(done.change)
    again = made(tmp_path, by_person=False)
    assert set(again.block.names) == {"lifted.example", "new.example", "stays.example"}
    assert StoredReturned.objects.count() == 0
    lost = made(tmp_path / "another", by_person=False)
    assert (len(lost.block.names), lost.held) == (3, 0)


def test_a_lost_folder_takes_nothing_from_the_list(tmp_path: Path, floor: int) -> None:
    for number in range(floor + 1):
        listed(2, host=f"n{number}.example")
    instruct(made(tmp_path / "one").change)
    assert len(made(tmp_path / "one").block.names) == floor + 1
    again = made(tmp_path / "two", by_person=False)
    assert (len(again.block.names), again.before, again.held) == (floor + 1, None, 0)


def test_the_mark_changes_with_every_step_that_matters() -> None:
    marks = [mark_of_changes()]
    one = listed(2, host="one.example")
    marks.append(mark_of_changes())
    for transition, values in (
        ("doubt", {"outcome": "APPEAL"}), ("keep", {"actor": COLLEAGUE}), ("free", {"actor": ANALYST}),
    ):  # fmt: skip
        take(one, transition, now(), **values)
        marks.append(mark_of_changes())
    assert len(set(marks[:-1])) == len(marks) - 1
    assert marks[-1] == marks[0]
    assert mark_of_changes() == marks[-1]


def test_only_who_may_export_publishes(tmp_path: Path) -> None:
    with pytest.raises(Refused), as_worker():
        publish(actor=ANALYST, folder=tmp_path, by_person=True, now=now())


def test_the_database_refuses_an_earlier_serial_and_keeps_every_row(tmp_path: Path) -> None:
    listed(2, host="one.example")
    last = made(tmp_path).block.serial
    insert = "INSERT INTO measures_blocklist (serial, made_at, expires_at, entries) VALUES (%s, now(), now(), 0)"
    with as_worker():
        for serial in (last, last - 1, 1, (last + 2**31) % 2**32):
            assert sqlstate(insert, [serial]) in {CHECK, UNIQUE}
        assert sqlstate(insert, [last - 1]) == CHECK
        for statement in (
            "UPDATE measures_blocklist SET digest = ''",
            "DELETE FROM measures_blocklist",
            "DELETE FROM measures_blocklist_cleared",
            "UPDATE measures_blocklist_cleared SET serial = serial",
        ):
            assert sqlstate(statement, []) == PRIVILEGE
    assert StoredCleared.objects.get().serial == last
