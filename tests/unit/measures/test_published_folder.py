"""The published folder: a version is whole or not there, its delta leads to it, and anybody can verify it."""

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from fanal.measures.blocking.blocklist import BlockList, ListWrong, make_list, sign_manifest
from fanal.measures.blocking.formats import FORMATS, apply_delta, read_json, write_delta, write_json
from fanal.measures.blocking.publication.folder import (
    FolderRefused,
    known_serials,
    locked,
    read_latest,
    verify_folder,
    write_version,
)
from tests.unit.measures.test_blocking_files import DESK, KEY, PUBLIC
from tests.unit.measures.test_blocking_list import INJECTIONS, NAME, NOW, STOP, entry

HOUR = timedelta(hours=1)


def made(*names: str, hours: float = 0, known: tuple[int, ...] = (), days: float = 60) -> BlockList:
    at = NOW + hours * HOUR
    return make_list([entry(n, days=days) for n in names], made_at=at, known=known, stop_host=STOP)


def sign(block: BlockList, file: str, content: bytes) -> bytes:
    return sign_manifest(block, file=file, content=content, name=DESK, key=KEY)


def publish(folder: Path, block: BlockList, before: BlockList | None = None) -> None:
    with locked(folder):
        write_version(folder, block, before=before, sign=sign, now=block.made_at)


NAMES = st.sets(NAME, max_size=6)


@given(NAMES, NAMES, st.integers(1, 80))
def test_a_delta_leads_from_one_list_to_the_next(old: set[str], new: set[str], days: int) -> None:
    before, after = made(*old), made(*new, hours=1, days=days)
    content = write_delta(before, after)
    assert apply_delta(before, content) == after
    assert read_json(write_json(after)) == after
    held = json.loads(content)
    assert set(held["removed"]) == old - new
    changed = new if days != 60 else new - old
    assert {one["name"] for one in held["set"]} == changed
    if old != new:
        with pytest.raises(ListWrong):
            apply_delta(after, content)


@pytest.mark.parametrize("name", INJECTIONS)
def test_no_delta_carries_what_is_no_name(name: str) -> None:
    held = json.loads(write_delta(made("a.example"), made(hours=1)))
    for forged in (
        {**held, "removed": [name]},
        {**held, "set": [{"name": name, "since": held["made_at"], "expires": held["made_at"]}]},
        {**held, "stop_host": name},
    ):
        with pytest.raises(ListWrong):
            apply_delta(made("a.example"), json.dumps(forged).encode())


def test_a_version_is_read_back_and_verified_with_its_delta(tmp_path: Path) -> None:
    first, second = made("a.example", "b.example"), made("b.example", "c.example", hours=1)
    publish(tmp_path, first)
    found = verify_folder(tmp_path, keys=[PUBLIC], now=NOW)
    assert (found.block, found.delta) == (first, False)
    publish(tmp_path, second, first)
    found = verify_folder(tmp_path, keys=[PUBLIC], now=NOW + HOUR, loaded=[first.serial])
    assert (found.block, found.delta) == (second, True)
    assert read_latest(tmp_path, keys=[PUBLIC]) == second
    assert known_serials(tmp_path, keys=[PUBLIC]) == {first.serial, second.serial}


def test_an_expired_an_older_and_a_stranger_s_list_are_refused(tmp_path: Path) -> None:
    block = made("a.example")
    publish(tmp_path, block)
    with pytest.raises(FolderRefused, match="expired"):
        verify_folder(tmp_path, keys=[PUBLIC], now=block.expires_at)
    with pytest.raises(FolderRefused, match="a later list was used"):
        verify_folder(tmp_path, keys=[PUBLIC], now=NOW, loaded=[block.serial + 1])
    with pytest.raises(FolderRefused, match="no signature"):
        verify_folder(tmp_path, keys=[], now=NOW)
    assert read_latest(tmp_path, keys=[]) is None
    assert known_serials(tmp_path, keys=[]) == set()


@pytest.mark.parametrize("file", [form.file for form in FORMATS.values()] + ["delta.json"])
def test_every_file_of_a_version_counts(tmp_path: Path, file: str) -> None:
    first, second = made("a.example"), made("b.example", hours=1)
    publish(tmp_path, first)
    publish(tmp_path, second, first)
    place, at = tmp_path / str(second.serial), NOW + HOUR
    whole = (place / file).read_bytes()
    (place / file).write_bytes(whole.replace(b"b.example", b"x.example"))
    with pytest.raises(FolderRefused, match=file.replace(".", r"\.")):
        verify_folder(tmp_path, keys=[PUBLIC], now=at)
    (place / file).write_bytes(whole)
    verify_folder(tmp_path, keys=[PUBLIC], now=at)
    (place / f"{file}.manifest.json").unlink()
    with pytest.raises(FolderRefused, match=file.replace(".", r"\.")):
        verify_folder(tmp_path, keys=[PUBLIC], now=at)


@pytest.mark.parametrize("kept", [True, False])
def test_a_signed_delta_of_an_earlier_version_is_seen(tmp_path: Path, kept: bool) -> None:
    """It would block again what was lifted since, whether or not the version that it starts from is there."""
    first, second, third = (
        made(*names, hours=n) for n, names in enumerate(((), ("wrong.example",), ()))
    )
    publish(tmp_path, first)
    publish(tmp_path, second, first)
    publish(tmp_path, third, second)
    for file in ("delta.json", "delta.json.manifest.json"):
        earlier = (tmp_path / str(second.serial) / file).read_bytes()
        (tmp_path / str(third.serial) / file).write_bytes(earlier)
    if not kept:
        shutil.rmtree(tmp_path / str(first.serial), ignore_errors=True)
    with pytest.raises(FolderRefused, match=r"delta\.json"):
        verify_folder(tmp_path, keys=[PUBLIC], now=NOW + 2 * HOUR)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b'{"expires_at": 7}'])
def test_a_damaged_old_version_keeps_no_new_one_from_being_published(
    tmp_path: Path, content: bytes
) -> None:
    first, second, third = (made(f"n{n}.example", hours=n) for n in range(3))
    publish(tmp_path, first)
    publish(tmp_path, second, first)
    (tmp_path / str(first.serial) / "delta.json.manifest.json").write_bytes(content)
    (tmp_path / "²").mkdir()
    publish(tmp_path, third, second)
    assert read_latest(tmp_path, keys=[PUBLIC]) == third
    assert not (tmp_path / str(first.serial)).exists()


def test_a_signed_file_of_another_list_among_the_formats_is_seen(tmp_path: Path) -> None:
    """Each manifest is right by itself: only the comparison of the formats with each other finds it."""
    block, other = made("a.example"), made("b.example")
    publish(tmp_path, block)
    place = tmp_path / str(block.serial)
    for file, form in (("blocking.csv", "csv"), ("rpz.fanal.zone", "rpz")):
        content = FORMATS[form].write(other)
        (place / file).write_bytes(content)
        (place / f"{file}.manifest.json").write_bytes(sign(other, file, content))
        with pytest.raises(FolderRefused):
            verify_folder(tmp_path, keys=[PUBLIC], now=NOW)


def test_names_leave_the_folder_with_their_versions(tmp_path: Path) -> None:
    before: BlockList | None = None
    for hours, name in enumerate(("a.example", "b.example", "c.example", "d.example")):
        block = made(name, hours=hours)
        publish(tmp_path, block, before)
        before = block
    assert before is not None
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("[0-9]*/delta.json")}
    assert len(files) == 3
    assert len(list(tmp_path.glob("[0-9]*/blocking.json"))) == 2
    late = made("z.example", hours=40)
    publish(tmp_path, late, before)
    text = b"".join(path.read_bytes() for path in tmp_path.glob("*/*.json"))
    assert b"a.example" not in text
    assert b"b.example" not in text
    assert b"z.example" in text


def test_what_a_killed_writer_left_is_removed_and_the_newest_stays(tmp_path: Path) -> None:
    block = made("a.example")
    publish(tmp_path, block)
    left = tmp_path / "123.partial"
    left.mkdir()
    (left / "blocking.csv").write_text("half")
    (tmp_path / "latest.partial").symlink_to("123")
    verify_folder(tmp_path, keys=[PUBLIC], now=NOW)
    publish(tmp_path, made("b.example", hours=1), block)
    assert not left.exists()
    assert str((tmp_path / "latest").readlink()) == str(made(hours=1).serial)
    assert verify_folder(tmp_path, keys=[PUBLIC], now=NOW + HOUR).block.names == ("b.example",)
