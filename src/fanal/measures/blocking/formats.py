"""The blocking list as files: response policy zone, CSV, JSON, hosts file, AdBlock list, and deltas. Pure.

Each format has a reader, by which a written file is compared with the list before it is published.

The response policy zone (RPZ) is written from A-labels. For each blocked name it has the name and its
wildcard, both CNAME to the stop page's host. A secondary server that no longer reaches its source drops the
zone at the SOA's expiry.

A delta is a further file with the difference between two versions. A client that holds the version
`from_serial` sets and removes the entries, and then holds exactly the version `serial`, whose `blocking.json`
has the digest that the manifest of that file states. `block` is the version of the list to write or to
compare with.
"""

import csv
import io
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Literal

import dns.exception
import dns.name
import dns.node
import dns.rdataclass
import dns.rdatatype
import dns.zone
import msgspec
from dns.rdtypes.ANY.CNAME import CNAME
from dns.rdtypes.ANY.SOA import SOA
from msgspec import Struct

from fanal.measures.blocking.blocklist import (
    BlockList,
    Entry,
    ListWrong,
    closed,
    from_root,
    read_written,
    written_instant,
)
from fanal.measures.blocking.names import ZONE, check_written

_TTL = 60
"""Seconds for which a resolver's clients keep an answer: part of the time of an emergency lift."""
_REFRESH = 300
_RETRY = 60
_SERVER = "localhost."
"""Name server of the zone, by convention of response policy zones: nobody resolves it."""


class ZoneContent(Struct, frozen=True, kw_only=True):
    """The content of a zone file (response policy zone) of the blocking list.

    `serial` is the version's number, `expire` the SOA's expiry in seconds, `target` the host to which all
    names are directed by CNAME, "" without names. `names` are the blocked names; each has a wildcard record
    too.
    """

    serial: int
    expire: int
    target: str
    names: frozenset[str]


def write_zone(block: BlockList) -> bytes:
    """Serialise a blocking list as a DNS zone file (response policy zone).

    It has no other directives than `$ORIGIN` and `$TTL`.

    Raises:
        ValueError: a name is not in the form that `names.read_name` returns.
    """
    (stop,) = check_written([block.stop_host])
    head = (
        f"; Fanal blocking list {block.serial}, made {written_instant(block.made_at)}\n"
        f"; not to be used after {written_instant(block.expires_at)}\n"
        f"$ORIGIN {ZONE}.\n$TTL {_TTL}\n"
        f"@ SOA {soa_of(block)}\n"
        f"@ NS {_SERVER}\n"
    )
    names = check_written(closed(block.names))
    body = "".join([f"{name} CNAME {stop}.\n*.{name} CNAME {stop}.\n" for name in names])
    return (head + body).encode("ascii")


def soa_of(block: BlockList) -> str:
    """Return the data of the list's SOA record as text: servers, serial, times in seconds.

    The zone's expiry is that of the list, counted from when it was made.
    """
    expire = _seconds(block)
    refresh, retry = min(_REFRESH, max(1, expire // 4)), min(_RETRY, max(1, expire // 8))
    return f"{_SERVER} root.{_SERVER} {block.serial} {refresh} {retry} {expire} {_TTL}"


def read_zone(content: bytes) -> ZoneContent:
    """Parse a zone file of the list.

    Raises:
        ListWrong: it is no zone file, or has other records than the list's.
    """
    try:
        zone = dns.zone.from_text(
            content.decode("ascii"), origin=f"{ZONE}.", allow_directives=("$ORIGIN", "$TTL")
        )
    except (dns.exception.DNSException, ValueError) as error:
        raise ListWrong(f"no zone file: {error}") from None
    soa = _apex(zone)
    owners: dict[str, str] = {}
    for name, node in zone.nodes.items():
        if name != dns.name.empty:
            owners[name.to_text()] = _target(name, node)
    targets = set(owners.values())
    if len(targets) > 1:
        raise ListWrong("the zone has several targets")
    names = {owner.removeprefix("*.") for owner in owners}
    if lonely := next((n for n in names if n not in owners or f"*.{n}" not in owners), None):
        raise ListWrong(f"{lonely} lacks the name or its wildcard")
    return ZoneContent(
        serial=soa.serial, expire=soa.expire, target="".join(targets), names=frozenset(names)
    )


def check_zone(content: bytes, block: BlockList) -> None:
    """Check that a zone file contains exactly a blocking list: serial, validity, target and names.

    Raises:
        ListWrong: it differs; the message names the first difference.
    """
    found = read_zone(content)
    names = frozenset(closed(block.names))
    if found.serial != block.serial or found.expire != _seconds(block):
        raise ListWrong(f"serial or expiry differ: {found.serial}, {found.expire} s")
    if names and found.target != block.stop_host:
        raise ListWrong(f"the zone answers with {found.target}")
    if different := sorted(names ^ found.names):
        raise ListWrong(f"{len(different)} names differ, the first is {different[0]}")


def _seconds(block: BlockList) -> int:
    return (block.expires_at - block.made_at) // timedelta(seconds=1)


def _apex(zone: dns.zone.Zone) -> SOA:
    """Return the SOA of the zone, whose top has one name server too and nothing else."""
    node = zone.find_node(dns.name.empty)
    kinds = sorted(rdataset.rdtype for rdataset in node.rdatasets)
    if kinds != sorted([dns.rdatatype.NS, dns.rdatatype.SOA]):
        raise ListWrong("the zone has other records than SOA and NS at its top")
    soa = node.find_rdataset(dns.rdataclass.IN, dns.rdatatype.SOA)[0]
    if not isinstance(soa, SOA):
        raise ListWrong("the zone has no SOA")
    return soa


def _target(name: dns.name.Name, node: dns.node.Node) -> str:
    """Return the target of the one CNAME that a node consists of."""
    records = [record for rdataset in node.rdatasets for record in rdataset]
    if len(records) != 1 or not isinstance(records[0], CNAME):
        raise ListWrong(f"{name} has other records than one CNAME")
    target = records[0].target
    if not target.is_absolute():
        target = target.derelativize(dns.name.from_text(ZONE))
    return target.to_text(omit_final_dot=True)


_COLUMNS = ("name", "since", "expires", "list_serial", "list_expires")
_UNUSABLE = ("0.0.0.0", "::")  # noqa: S104 - written, not bound
"""Addresses under which a hosts file makes a name unreachable."""


class JsonEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A blocked name in the JSON files, with its start (`since`) and expiry as instants in UTC (ISO 8601)."""

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
    """A file format of the blocking list.

    `file` is the name of the file, `write` serialises a list, `check` compares a written file with its list
    and raises ListWrong if it differs.
    """

    file: str
    write: Callable[[BlockList], bytes]
    check: Callable[[bytes, BlockList], None]


def write_file(block: BlockList, form: ListFormat) -> bytes:
    """Serialise a blocking list in a format, then read the result back and compare it with the list.

    Raises:
        ValueError: a name is not in the form that `names.read_name` returns.
        ListWrong: the result differs from the list (programming error).
    """
    content = form.write(block)
    form.check(content, block)
    return content


def write_csv(block: BlockList) -> bytes:
    """Serialise a blocking list as CSV, a header and a line for each name.

    Columns: the name, its start and expiry, serial and expiry of the list; instants in UTC (ISO 8601).

    Raises:
        ValueError: a name is not in the form that `names.read_name` returns.
    """
    check_written(block.names)
    ends = f"{block.serial},{written_instant(block.expires_at)}"
    lines = [
        f"{entry.name},{written_instant(entry.since)},{written_instant(entry.expires)},{ends}\n"
        for entry in block.entries
    ]
    return "".join([",".join(_COLUMNS) + "\n", *lines]).encode("ascii")


def check_csv(content: bytes, block: BlockList) -> None:
    """Check that a CSV file contains exactly a blocking list.

    Raises:
        ListWrong: it differs, or is no CSV file.
    """
    try:
        rows = list(csv.reader(io.StringIO(_text(content)), strict=True))
    except csv.Error as error:
        raise ListWrong(f"no CSV file: {error}") from None
    dates = (str(block.serial), written_instant(block.expires_at))
    wanted = [
        [entry.name, written_instant(entry.since), written_instant(entry.expires), *dates]
        for entry in block.entries
    ]
    if not rows or rows[0] != list(_COLUMNS) or rows[1:] != wanted:
        raise ListWrong("the CSV file differs from the list")


def write_json(block: BlockList) -> bytes:
    """Serialise a blocking list as one JSON object, with `since` and `expires` of each name.

    Raises:
        ValueError: a name is not in the form that `names.read_name` returns.
    """
    check_written(block.names)
    return msgspec.json.encode(_as_json(block)) + b"\n"


def check_json(content: bytes, block: BlockList) -> None:
    """Check that a JSON file contains exactly a blocking list.

    Raises:
        ListWrong: it differs.
    """
    if _decoded(content) != _as_json(block):
        raise ListWrong("the JSON file differs from the list")


def read_json(content: bytes) -> BlockList:
    """Parse a blocking list from its JSON file.

    Raises:
        ListWrong: it is no list, or has a name that is not in the form that `names.read_name` returns.
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
    """Serialise a blocking list as a hosts file, which maps each name to an unusable address.

    Such a file has no wildcards: subdomains of a listed name are not blocked.

    Raises:
        ValueError: a name is not in the form that `names.read_name` returns.
    """
    names = check_written(block.names)
    head = f"{_head(block, '#')}# names below the listed ones are not blocked by a hosts file\n"
    lines = [f"{address} {name}\n" for name in names for address in _UNUSABLE]
    return "".join([head, *lines]).encode("ascii")


def check_hosts(content: bytes, block: BlockList) -> None:
    """Check that a hosts file contains exactly a blocking list.

    Raises:
        ListWrong: it differs.
    """
    _check_head(content, block, "#")
    lines = [line for line in _text(content).splitlines() if not line.startswith("#")]
    found = [tuple(line.split(" ")) for line in lines]
    if found != [(address, name) for name in block.names for address in _UNUSABLE]:
        raise ListWrong("the hosts file differs from the list")


def write_adblock(block: BlockList) -> bytes:
    """Serialise a blocking list as a filter list of ad blockers (Adblock Plus), to be renewed each hour.

    Raises:
        ValueError: a name is not in the form that `names.read_name` returns.
    """
    names = check_written(block.names)
    head = f"[Adblock Plus 2.0]\n{_head(block, '!')}! Version: {block.serial}\n! Expires: 1 hours\n"
    return "".join([head, *(f"||{name}^\n" for name in names)]).encode("ascii")


def check_adblock(content: bytes, block: BlockList) -> None:
    """Check that a filter list of ad blockers contains exactly a blocking list.

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
    """Convert an entry of the blocking list to its form in JSON files."""
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
    """The serials of the two versions of the blocking list between which a delta file leads.

    A client that holds version `from_serial` and applies the delta holds version `serial`.
    """

    from_serial: int
    serial: int


def ends_of(content: bytes) -> DeltaEnds:
    """Return the serials of the two versions between which a delta file (its bytes) leads.

    Raises:
        ListWrong: it is no delta.
    """
    try:
        return msgspec.json.decode(content, type=DeltaEnds)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ListWrong(f"no delta: {error}") from None


def write_delta(before: BlockList, after: BlockList) -> bytes:
    """Serialise the difference between two versions of the blocking list as a JSON delta file.

    The result is applied to `before` and compared with `after`.

    Raises:
        ValueError: a name is not in the form that `names.read_name` returns.
        ListWrong: the result does not lead to `after` (programming error).
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
    """Apply a delta file to the version `before` of the blocking list, and return the resulting version.

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
