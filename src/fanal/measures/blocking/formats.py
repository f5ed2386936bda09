"""The blocking list as files for other programs: CSV, JSON, hosts, AdBlock; each carries its expiry. Pure.

Each has a reader, by which a written file is compared with the list before anybody receives it.
"""

import csv
import io
from collections.abc import Callable, Mapping
from typing import Literal

import msgspec
from msgspec import Struct

from fanal.measures.blocking.blocklist import (
    BlockList,
    Entry,
    ListWrong,
    read_written,
    written_instant,
)
from fanal.measures.blocking.names import ZONE, check_written
from fanal.measures.blocking.zone import check_zone, write_zone

_COLUMNS = ("name", "since", "expires", "list_serial", "list_expires")
_UNUSABLE = ("0.0.0.0", "::")  # noqa: S104 - written, not bound
"""Addresses under which a hosts file makes a name unreachable."""


class JsonEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A blocked name with its dates, as JSON files state it."""

    name: str
    since: str
    expires: str


class _JsonList(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    schema: Literal["fanal/blocking-list/1"]
    serial: int
    made_at: str
    expires_at: str
    stop_host: str
    entries: tuple[JsonEntry, ...]


class ListFormat(Struct, frozen=True, kw_only=True):
    """A format of the list: name of its file, writer, and check of a written file against its list.

    `check` raises ListWrong if the file differs.
    """

    file: str
    write: Callable[[BlockList], bytes]
    check: Callable[[bytes, BlockList], None]


def write_file(block: BlockList, form: ListFormat) -> bytes:
    """Return the list in a format, read back and compared with it.

    Raises:
        ValueError: a name is not written as `names.read_name` returns it.
        ListWrong: what was written does not state the list (programming error).
    """
    content = form.write(block)
    form.check(content, block)
    return content


def write_csv(block: BlockList) -> bytes:
    """Return the list as CSV: a line for each name, with its dates and those of the list."""
    check_written(block.names)
    ends = f"{block.serial},{written_instant(block.expires_at)}"
    lines = [
        f"{entry.name},{written_instant(entry.since)},{written_instant(entry.expires)},{ends}\n"
        for entry in block.entries
    ]
    return "".join([",".join(_COLUMNS) + "\n", *lines]).encode("ascii")


def check_csv(content: bytes, block: BlockList) -> None:
    """Check that a CSV file states exactly a list.

    Raises:
        ListWrong: it differs.
    """
    rows = list(csv.reader(io.StringIO(_text(content)), strict=True))
    dates = (str(block.serial), written_instant(block.expires_at))
    wanted = [
        [entry.name, written_instant(entry.since), written_instant(entry.expires), *dates]
        for entry in block.entries
    ]
    if not rows or rows[0] != list(_COLUMNS) or rows[1:] != wanted:
        raise ListWrong("the CSV file differs from the list")


def write_json(block: BlockList) -> bytes:
    """Return the list as one JSON object with `since` and `expires` of each name."""
    check_written(block.names)
    return msgspec.json.encode(_as_json(block)) + b"\n"


def check_json(content: bytes, block: BlockList) -> None:
    """Check that a JSON file states exactly a list.

    Raises:
        ListWrong: it differs.
    """
    if _decoded(content) != _as_json(block):
        raise ListWrong("the JSON file differs from the list")


def read_json(content: bytes) -> BlockList:
    """Return the list that a JSON file states.

    Raises:
        ListWrong: it is no list, or has a name that is not written as `names.read_name` returns it.
    """
    found = _decoded(content)
    try:
        names = check_written(entry.name for entry in found.entries)
        (stop,) = check_written([found.stop_host])
    except ValueError as error:
        raise ListWrong(f"the JSON file is no list: {error}") from None
    return BlockList(
        serial=found.serial,
        made_at=read_written(found.made_at),
        expires_at=read_written(found.expires_at),
        stop_host=stop,
        entries=tuple(
            Entry(name=name, since=read_written(entry.since), expires=read_written(entry.expires))
            for name, entry in zip(names, found.entries, strict=True)
        ),
    )


def write_hosts(block: BlockList) -> bytes:
    """Return the list as a hosts file, which has no wildcard: names below the listed ones still answer."""
    names = check_written(block.names)
    head = f"{_head(block, '#')}# names below the listed ones are not blocked by a hosts file\n"
    lines = [f"{address} {name}\n" for name in names for address in _UNUSABLE]
    return "".join([head, *lines]).encode("ascii")


def check_hosts(content: bytes, block: BlockList) -> None:
    """Check that a hosts file states exactly a list.

    Raises:
        ListWrong: it differs.
    """
    _check_head(content, block, "#")
    lines = [line for line in _text(content).splitlines() if not line.startswith("#")]
    found = [tuple(line.split(" ")) for line in lines]
    if found != [(address, name) for name in block.names for address in _UNUSABLE]:
        raise ListWrong("the hosts file differs from the list")


def write_adblock(block: BlockList) -> bytes:
    """Return the list as a filter list of ad blockers, which asks for a newer one every hour."""
    names = check_written(block.names)
    head = f"[Adblock Plus 2.0]\n{_head(block, '!')}! Version: {block.serial}\n! Expires: 1 hours\n"
    return "".join([head, *(f"||{name}^\n" for name in names)]).encode("ascii")


def check_adblock(content: bytes, block: BlockList) -> None:
    """Check that a filter list states exactly a list.

    Raises:
        ListWrong: it differs.
    """
    _check_head(content, block, "!")
    lines = [line for line in _text(content).splitlines() if not line.startswith(("!", "["))]
    found = [line.removeprefix("||").removesuffix("^") for line in lines]
    if found != list(block.names) or any(
        line != f"||{n}^" for n, line in zip(found, lines, strict=True)
    ):
        raise ListWrong("the filter list differs from the list")


FORMATS: Mapping[str, ListFormat] = {
    "rpz": ListFormat(file=f"{ZONE}.zone", write=write_zone, check=check_zone),
    "csv": ListFormat(file="blocking.csv", write=write_csv, check=check_csv),
    "json": ListFormat(file="blocking.json", write=write_json, check=check_json),
    "hosts": ListFormat(file="blocking.hosts", write=write_hosts, check=check_hosts),
    "adblock": ListFormat(file="blocking.adblock.txt", write=write_adblock, check=check_adblock),
}
"""The formats of the list, by name."""


def _as_json(block: BlockList) -> _JsonList:
    return _JsonList(
        schema="fanal/blocking-list/1",
        serial=block.serial,
        made_at=written_instant(block.made_at),
        expires_at=written_instant(block.expires_at),
        stop_host=block.stop_host,
        entries=tuple(as_json_entry(entry) for entry in block.entries),
    )


def as_json_entry(entry: Entry) -> JsonEntry:
    """Return an entry as JSON files state it."""
    return JsonEntry(
        name=entry.name,
        since=written_instant(entry.since),
        expires=written_instant(entry.expires),
    )


def _decoded(content: bytes) -> _JsonList:
    try:
        return msgspec.json.decode(content, type=_JsonList)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ListWrong(f"the JSON file is no list: {error}") from None


def _head(block: BlockList, mark: str) -> str:
    return (
        f"{mark} Fanal blocking list {block.serial}, made {written_instant(block.made_at)}\n"
        f"{mark} not to be used after {written_instant(block.expires_at)}\n"
    )


def _check_head(content: bytes, block: BlockList, mark: str) -> None:
    if _head(block, mark) not in _text(content):
        raise ListWrong("the file states another serial or expiry")


def _text(content: bytes) -> str:
    try:
        return content.decode("ascii")
    except UnicodeDecodeError:
        raise ListWrong("the file has other characters than ASCII") from None
