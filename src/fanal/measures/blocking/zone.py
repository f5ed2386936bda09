"""The blocking list as a response policy zone (RPZ): written from A-labels, read back and compared. Pure.

For each blocked name the zone has the name and its wildcard, both CNAME to the stop page's host. A secondary
server that no longer reaches its source drops the zone at the SOA's expiry.
"""

from datetime import timedelta

import dns.exception
import dns.name
import dns.node
import dns.rdataclass
import dns.rdatatype
import dns.zone
from dns.rdtypes.ANY.CNAME import CNAME
from dns.rdtypes.ANY.SOA import SOA
from msgspec import Struct

from fanal.measures.blocking.blocklist import BlockList, ListWrong, closed, written_instant
from fanal.measures.blocking.names import ZONE, check_written

_TTL = 60
"""Seconds for which a resolver's clients keep an answer: part of the time of an emergency lift."""
_REFRESH = 300
_RETRY = 60
_SERVER = "localhost."
"""Name server of the zone, by convention of response policy zones: nobody resolves it."""


class ZoneContent(Struct, frozen=True, kw_only=True):
    """What a zone file states: serial, seconds until expiry (SOA), target, and names with a wildcard."""

    serial: int
    expire: int
    target: str
    names: frozenset[str]


def write_zone(block: BlockList) -> bytes:
    """Return the zone file of a list; it has no other directives than the origin and the TTL.

    Raises:
        ValueError: a name is not written as `names.read_name` returns it.
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
    """Return the SOA of a list, as in a zone file: its expiry is the list's, in seconds after its serial."""
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
    """Check that a zone file states exactly a list: its serial, its validity, its target and its names.

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
