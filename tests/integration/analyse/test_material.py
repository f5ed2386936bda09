"""The hash index beside the database: changes count at once, segments are taken up, the lists decide."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from django.db import connection

from fanal.analyse.material.domain.hash_index import pack_hashes, pack_labels, write_segment
from fanal.analyse.material.operations import index as material
from fanal.analyse.material.operations.index import MATERIAL, Material, renew_index
from fanal.analyse.material.operations.lists import load_list, withdraw_item
from fanal.formats.report.records import File, ReportKind
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.kernel.actors import system_actor

pytestmark = [pytest.mark.django_db, pytest.mark.role("worker")]
FAR = f"{(1 << 64) - 1:064x}"  # from all the others
SYSTEM = system_actor("test")
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def keys(installed_keys: None) -> None:
    return


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(MATERIAL, "folder", tmp_path / "index")
    return tmp_path / "index"


def hash_of(number: int) -> str:
    return f"{number:064x}"


def load(*hashes: str, name: str = "alpha", scope: str = "MATCH") -> list[UUID]:
    return load_list(actor=SYSTEM, name=name, lines=["pdq", *hashes], now=NOW, scope=scope)


def matched(held: Material, *hashes: str) -> Sequence[int]:
    """Return the distance of the nearest entry of each hash, -1 for none."""
    report = HarmonisedReport(
        report_id=UUID(int=0),
        reference="r",
        kind=ReportKind.OTHER,
        files=tuple(File(pdq=text) for text in hashes),
    )
    lists = held.look_up([report])
    return [next((distance for _, distance in lists.near(text)), -1) for text in hashes]


def test_additions_and_withdrawals_count_for_the_next_report() -> None:
    held = Material()
    assert matched(held, hash_of(7)) == [-1]
    (item,) = load(hash_of(7))
    assert matched(held, hash_of(7), hash_of(5), hash_of((1 << 40) - 1)) == [0, 1, -1]
    load(hash_of((1 << 40) - 1))
    assert matched(held, hash_of((1 << 40) - 1)) == [0]
    assert withdraw_item(actor=SYSTEM, name="alpha", item_id=item, now=NOW)
    assert matched(held, hash_of(7)) == [-1]
    load(hash_of(7))
    assert matched(held, hash_of(7)) == [0]


def test_a_cleared_value_silences_the_nearest(folder: Path) -> None:
    load(hash_of(1))
    load(hash_of(3), name="false alarms", scope="CLEAR")
    assert matched(Material(), hash_of(3), hash_of(1), hash_of(0)) == [-1, 0, 1]


def test_a_segment_is_written_when_due_and_taken_up(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    early = Material()
    load(*(hash_of(n << 64) for n in range(1, 11)))
    assert matched(early, hash_of(1 << 64)) == [0]
    assert not renew_index(actor=SYSTEM)
    monkeypatch.setattr("fanal.analyse.material.domain.hash_index.FULL", 5)
    assert renew_index(actor=SYSTEM)
    assert not renew_index(actor=SYSTEM)
    assert [path.name for path in folder.iterdir()] == ["pdq"]
    load(hash_of(1 << 200))
    for held in (early, Material()):
        assert matched(held, hash_of(3 << 64), hash_of(1 << 200)) == [0, 0]
        assert held._index.waiting == 1


def test_a_segment_of_another_database_is_not_read(folder: Path) -> None:
    folder.mkdir()
    write_segment(
        folder / "pdq",
        hashes=pack_hashes([FAR]),
        labels=pack_labels([bytes(16)]),
        upto=3,
        mark=UUID(int=12345).bytes,
    )
    load(hash_of(1))
    assert matched(Material(), hash_of(1), FAR) == [0, -1]


def test_a_damaged_segment_costs_nothing_but_time(
    folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(material.log, "handlers", [caplog.handler])
    folder.mkdir()
    (folder / "pdq").write_bytes(b"cut short")
    load(hash_of(7))
    assert matched(Material(), hash_of(7)) == [0]
    assert "damaged" in caplog.text


def test_a_segment_damaged_in_its_middle_is_written_anew_and_taken_up(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fanal.analyse.material.domain.hash_index.FULL", 5)
    load(*(hash_of(n << 64) for n in range(1, 11)))
    assert renew_index(actor=SYSTEM)
    with (folder / "pdq").open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 320)
    monkeypatch.setattr(MATERIAL, "checked", None)  # as a process that starts after the damage
    held = Material()
    assert matched(held, hash_of(3 << 64)) == [-1]
    assert renew_index(actor=SYSTEM)
    assert matched(held, hash_of(3 << 64)) == [0]
    assert not renew_index(actor=SYSTEM)


def test_where_nothing_can_be_written_or_read_the_database_serves(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(material.log, "handlers", [caplog.handler])
    monkeypatch.setattr("fanal.analyse.material.domain.hash_index.FULL", 5)
    folder.write_text("a file where the folder would be")
    load(*(hash_of(n << 64) for n in range(1, 11)))
    assert not renew_index(actor=SYSTEM)
    assert matched(Material(), hash_of(3 << 64)) == [0]
    assert "cannot be written" in caplog.text
    assert "cannot be read" in caplog.text


def test_a_database_that_went_back_is_noticed() -> None:
    """A restored backup numbers its changes again; the entry that was last tells them apart."""
    held = Material()
    load(hash_of(7))
    assert matched(held, hash_of(7)) == [0]
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM analyse_entry")
    load(FAR)
    assert matched(held, hash_of(7), FAR) == [-1, 0]
