"""A vault that does not answer is an outage: nobody is quarantined, and all goes on once it is back."""

import contextlib
import errno
import logging
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest
from django.db import connection

from fanal.cli.doctor_checks import look_at_vault
from fanal.cli.finding import FindingLevel
from fanal.formats.report.read import canonical_bytes, read_report
from fanal.intake.domain.records import Arrival, Format, Submission
from fanal.kernel.actors import system_actor
from fanal.vault import keyring, packs
from fanal.vault.domain.envelope import key_fingerprint, raw_public
from fanal.worker.stages import Outage, outage_code

SYSTEM = system_actor("test")
NOW = datetime.now(UTC).replace(microsecond=0)
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.role("worker")]


@pytest.fixture
def vault(installed_keys: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A vault of this test's own."""
    ring = replace(keyring.current(), vault_folder=tmp_path / "vault")
    monkeypatch.setattr(keyring, "_installed", [ring])
    return ring.vault_folder


def deposit(count: int = 3) -> list[UUID]:
    from fanal.intake.operations.receive import receive_reports

    submissions = []
    for number in range(count):
        body = msgspec.json.encode({"reference": f"o-{number}", "kind": "OTHER"})
        submissions.append(
            Submission(
                arrival=Arrival.API, format=Format.REPORT, body=body,
                canonical=canonical_bytes(read_report(body)), sender_id=uuid4(),
                reference=f"o-{number}",
            )
        )  # fmt: skip
    answers = receive_reports(actor=SYSTEM, submissions=submissions, now=NOW)
    return [answer.report_id for answer in answers if answer.report_id]


class Hands:
    """A worker whose clock the test holds; reports given back are due again at once."""

    def __init__(self) -> None:
        from fanal.worker.stages import StageLoop

        self.now = NOW
        self.loop = StageLoop(actor=SYSTEM, clock=lambda: self.now)

    def work(self, beats: int) -> None:
        for _ in range(beats):
            self.now += timedelta(seconds=6)
            run("UPDATE intake_work SET not_before = now()")
            self.loop.run_once()


def run(query: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall() if cursor.description else []


def problems(url: str, vault: Path) -> list[str]:
    with psycopg.connect(url) as own:
        found = look_at_vault(own, vault)
        return [finding.text for finding in found if finding.level is FindingLevel.PROBLEM]


def away(vault: Path) -> None:
    vault.rename(vault.with_name("elsewhere"))


def emptied(vault: Path) -> None:
    away(vault)
    (vault / "packs").mkdir(parents=True)


def unreadable(vault: Path) -> None:
    """Let the disk answer EIO to whoever reads a pack (`broken_disk`)."""
    away(vault)
    shutil.copytree(vault.with_name("elsewhere"), vault)
    (vault / "broken").touch()


@pytest.fixture(autouse=True)
def broken_disk(vault: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer EIO to whoever reads a pack of a vault with a file `broken`, or one that it names."""
    read = os.pread

    def pread(descriptor: int, length: int, offset: int) -> bytes:
        with contextlib.suppress(FileNotFoundError):
            pack = str(Path(f"/proc/self/fd/{descriptor}").readlink())
            if (vault / "broken").read_text() in pack:
                raise OSError(errno.EIO, "Input/output error")
        return read(descriptor, length, offset)

    monkeypatch.setattr(os, "pread", pread)


@pytest.mark.parametrize("outage", [away, emptied, unreadable])
def test_an_outage_counts_for_nobody_and_ends_by_itself(
    vault: Path,
    outage: object,
    database_urls: dict[str, str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from fanal.intake.queries.work import count_work

    deposit()
    assert callable(outage)
    outage(vault)
    hands = Hands()
    monkeypatch.setattr(logging.getLogger("fanal"), "propagate", True)
    hands.work(8)
    assert "HARMONISE pauses, VAULT_AWAY" in caplog.text
    waiting = run("SELECT attempts, quarantined_at, lease_token, error FROM intake_work")
    assert {row[:3] for row in waiting} == {(0, None, None)}
    assert "VAULT_AWAY" in {row[3] for row in waiting}
    assert any("wait because the vault" in text for text in problems(database_urls["app"], vault))

    if vault.exists():
        vault.rename(vault.with_name("aside"))
    vault.with_name("elsewhere").rename(vault)
    hands.work(8)
    assert count_work() == {}
    assert problems(database_urls["app"], vault) == []


def test_doctor_misses_a_vault_before_any_worker_does(
    vault: Path, database_urls: dict[str, str]
) -> None:
    deposit()
    assert problems(database_urls["app"], vault) == []
    away(vault)
    assert any("is the vault mounted" in text for text in problems(database_urls["app"], vault))


def test_a_key_that_is_missing_is_an_outage_too(
    vault: Path, monkeypatch: pytest.MonkeyPatch, database_urls: dict[str, str]
) -> None:
    deposit()
    ring = keyring.current()
    monkeypatch.setattr(keyring, "_installed", [replace(ring, opening={})])
    Hands().work(6)
    assert {row[0] for row in run("SELECT attempts FROM intake_work")} == {0}
    assert any("opening key" in text for text in problems(database_urls["app"], vault))


@pytest.fixture
def known_keys(vault: Path, database_urls: dict[str, str]) -> Iterator[None]:
    """The database knows the keys that this process seals under."""
    rows = [
        (name, key_fingerprint(name, raw_public(keyring.current().sealing_key(kind))))
        for name, kind in (("content", "report"), ("identity", "identity"))
    ]
    with (
        psycopg.connect(database_urls["owner"], autocommit=True) as owner,
        owner.cursor() as cursor,
    ):
        cursor.executemany("INSERT INTO fanal_key (purpose, fingerprint) VALUES (%s, %s)", rows)
        yield
        cursor.execute("DELETE FROM fanal_key")


@pytest.mark.usefixtures("known_keys")
def test_a_key_that_no_machine_has_is_the_reports_own() -> None:
    """A public node names one, or a place before the beginning: all others go through."""
    from fanal.intake.queries.envelopes import get_reports

    first, second, third = deposit()
    run(f"UPDATE vault_object SET wrap_key_id = '\\x0102' WHERE owner_id = '{first}'")
    run(f"UPDATE vault_object SET place = -1 WHERE owner_id = '{second}'")
    Hands().work(12)
    rows = run("SELECT report_id, error FROM intake_work WHERE quarantined_at IS NOT NULL")
    assert dict(rows) == {first: "KeyMissing", second: "BlobDamaged"}  # type: ignore[arg-type]
    assert third in get_reports(actor=SYSTEM, report_ids=[third])


def test_damaged_bytes_and_bytes_missing_beside_others_are_the_reports_own(vault: Path) -> None:
    from fanal.intake.queries.envelopes import get_reports

    first, second, third = deposit()
    places = dict(
        run("SELECT owner_id, place FROM vault_object WHERE kind = 'report'")  # type: ignore[arg-type]
    )
    (pack,) = (vault / "packs").iterdir()
    held = bytearray(pack.read_bytes())
    held[places[first] + packs.SEGMENT.size] ^= 1
    pack.write_bytes(held)
    run(f"UPDATE vault_object SET pack_id = '{uuid4()}' WHERE owner_id = '{second}'")
    Hands().work(12)
    rows = run("SELECT report_id, error FROM intake_work WHERE quarantined_at IS NOT NULL")
    assert dict(rows) == {first: "BlobDamaged", second: "BlobMissing"}  # type: ignore[arg-type]
    assert third in get_reports(actor=SYSTEM, report_ids=[third])


def test_one_unreadable_place_stops_nobody_else(vault: Path) -> None:
    """One report's pack cannot be read: it waits, uncounted, and all others go through."""
    first, *_ = deposit(12)
    unread = uuid4()
    [pack] = (vault / "packs").iterdir()
    shutil.copyfile(pack, vault / "packs" / f"{unread}.pack")
    (vault / "broken").write_text(str(unread))
    run(f"UPDATE vault_object SET pack_id = '{unread}' WHERE owner_id = '{first}'")
    hands = Hands()
    for _ in range(12):
        hands.now += timedelta(seconds=6)
        hands.loop.run_once()
        run(f"UPDATE intake_work SET not_before = now() WHERE report_id <> '{first}'")
    assert run("SELECT report_id, attempts FROM intake_work") == [(first, 0)]


def loop(path: Path) -> None:
    path.symlink_to(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made, contextlib.chdir(path.parent):
        made.bind(path.name)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, loop, device, listening])
def test_what_is_no_pack_is_the_fault_of_the_reports_that_name_it(
    vault: Path, make: Callable[[Path], None]
) -> None:
    """Whoever writes in the vault puts there what is opened for ever, or never: no outage of the disk."""
    *theirs, last = deposit(9)
    named = uuid4()
    make(vault / "packs" / f"{named}.pack")
    for report in theirs:
        run(f"UPDATE vault_object SET pack_id = '{named}' WHERE owner_id = '{report}'")
    Hands().work(16)
    rows = run("SELECT report_id, error FROM intake_work WHERE quarantined_at IS NOT NULL")
    assert dict(rows) == dict.fromkeys(theirs, "BlobDamaged")  # type: ignore[arg-type]
    assert run("SELECT count(*) FROM intake_work") == [(len(theirs),)]
    assert last not in theirs


def test_pauses_grow_and_care_eases() -> None:
    outage = Outage()
    assert not outage.lasts(NOW)
    waits = [outage.begin(NOW).total_seconds() for _ in range(4)]
    assert waits == [4, 8, 16, 20]
    assert (outage.lasts(NOW), outage.size) == (True, 1)
    outage.ease()
    assert (outage.lasts(NOW), outage.size) == (False, 2)
    codes = [outage_code(e) for e in (packs.BlobMissing(), OSError(), ValueError())]
    assert codes == [None, "VAULT_AWAY", None]
