"""What changes between two versions of the blocking list, as a file. Pure.

A client that holds the version `from_serial` sets and removes the entries, and then holds exactly the version
`serial`, whose `blocking.json` has the digest that the manifest of that file states.
"""

from typing import Literal

import msgspec
from msgspec import Struct

from fanal.measures.blocking.blocklist import (
    BlockList,
    Entry,
    ListWrong,
    from_root,
    read_written,
    written_instant,
)
from fanal.measures.blocking.formats import JsonEntry, as_json_entry
from fanal.measures.blocking.names import check_written

DELTA_FILE = "delta.json"


class _JsonDelta(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    schema: Literal["fanal/blocking-delta/1"]
    from_serial: int
    serial: int
    made_at: str
    expires_at: str
    stop_host: str
    set: tuple[JsonEntry, ...]
    removed: tuple[str, ...]


class DeltaEnds(Struct, frozen=True):
    """The serials of the version from which a delta leads and of that to which it leads."""

    from_serial: int
    serial: int


def ends_of(content: bytes) -> DeltaEnds:
    """Return from which version a delta leads to which.

    Raises:
        ListWrong: it is no delta.
    """
    try:
        return msgspec.json.decode(content, type=DeltaEnds)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ListWrong(f"no delta: {error}") from None


def write_delta(before: BlockList, after: BlockList) -> bytes:
    """Return the change from one version to the next as a file, applied once and compared with `after`.

    Raises:
        ValueError: a name is not written as `names.read_name` returns it.
        ListWrong: what was written does not lead to `after` (programming error).
    """
    old = {entry.name: entry for entry in before.entries}
    names = {entry.name for entry in after.entries}
    delta = _JsonDelta(
        schema="fanal/blocking-delta/1",
        from_serial=before.serial,
        serial=after.serial,
        made_at=written_instant(after.made_at),
        expires_at=written_instant(after.expires_at),
        stop_host=after.stop_host,
        set=tuple(as_json_entry(e) for e in after.entries if old.get(e.name) != e),
        removed=tuple(entry.name for entry in before.entries if entry.name not in names),
    )
    check_written([*(entry.name for entry in delta.set), *delta.removed])
    content = msgspec.json.encode(delta) + b"\n"
    if apply_delta(before, content) != after:
        raise ListWrong("the delta does not lead from one list to the other")
    return content


def apply_delta(before: BlockList, content: bytes) -> BlockList:
    """Return the version that a delta makes of `before`.

    Raises:
        ListWrong: it is no delta, starts from another version, or removes a name that is not there.
    """
    try:
        delta = msgspec.json.decode(content, type=_JsonDelta)
        names = check_written([*(entry.name for entry in delta.set), *delta.removed])
        (stop,) = check_written([delta.stop_host])
    except (msgspec.MsgspecError, ValueError) as error:
        raise ListWrong(f"no delta: {error}") from None
    if delta.from_serial != before.serial:
        raise ListWrong(f"the delta starts from {delta.from_serial}, not from {before.serial}")
    entries = {entry.name: entry for entry in before.entries}
    for name in names[len(delta.set) :]:
        if entries.pop(name, None) is None:
            raise ListWrong(f"the delta removes {name}, which is not blocked")
    for name, entry in zip(names, delta.set, strict=False):
        entries[name] = Entry(
            name=name, since=read_written(entry.since), expires=read_written(entry.expires)
        )
    return BlockList(
        serial=delta.serial,
        made_at=read_written(delta.made_at),
        expires_at=read_written(delta.expires_at),
        stop_host=stop,
        entries=tuple(sorted(entries.values(), key=lambda entry: from_root(entry.name))),
    )
