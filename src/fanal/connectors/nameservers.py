"""DNS client of the name servers of the blocking list: SOA queries, zone transfers, dynamic updates, checks.

Every exchange is bounded in time. Servers are IP addresses from the operator's settings (`blocklist.toml`),
never from a report.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
import dns.renderer
import dns.tsig
import dns.update
import dns.xfr
import dns.zone
from dns.rdtypes.ANY.CNAME import CNAME
from dns.rdtypes.ANY.SOA import SOA

from fanal.measures.blocking.publication.copies import NameServer, TsigKey

_SECONDS: Final = 5.0
"""Longest wait for one answer."""
_TRANSFER_SECONDS: Final = 600.0
_TTL: Final = 60
_MOST_OCTETS: Final = 45_000
"""Most octets of names in one update: a message over TCP has at most 65 535."""


class ServerFailed(Exception):
    """Error: a name server did not answer, refused, or gave an unusable answer (see the text)."""


def ask_serial(server: NameServer, zone: str, *, key: TsigKey) -> int:
    """Return the serial number of a zone at a name server, from its SOA record.

    The query is signed with the TSIG `key`.

    Raises:
        ServerFailed: no answer, a refusal, or no SOA record in the answer.
    """
    answer = _ask(server, zone, dns.rdatatype.SOA, key=key)
    if answer.rcode() != dns.rcode.NOERROR:
        raise ServerFailed(f"{server}: {dns.rcode.to_text(answer.rcode())}")
    for rrset in answer.answer:
        for record in rrset:
            if isinstance(record, SOA):
                return record.serial
    raise ServerFailed(f"{server}: no SOA in the answer")


def read_owners(server: NameServer, zone: str, *, key: TsigKey) -> tuple[int, set[tuple[str, str]]]:
    """Return a zone's serial number and its records, read by a zone transfer (AXFR).

    Each record is a pair: the owner name relative to the zone, and the target of its CNAME. For a record of
    another type, the second is its type and text. The records of the zone's apex are left out. The serial
    number is 0 without an SOA record. The transfer is signed with the TSIG `key`.

    Raises:
        ServerFailed: no answer, a refusal, or an incomplete zone.
    """
    found = dns.zone.Zone(dns.name.from_text(zone), relativize=True)
    query, _ = dns.xfr.make_query(found, keyring=_ring(key), keyname=dns.name.from_text(key.name))
    try:
        dns.query.inbound_xfr(
            server.address,
            found,
            query,
            port=server.port,
            timeout=_SECONDS,
            lifetime=_TRANSFER_SECONDS,
        )
    except (dns.exception.DNSException, OSError, EOFError) as error:
        raise ServerFailed(f"{server}: {_why(error)}") from None
    soa = found.get_rdataset(dns.name.empty, dns.rdatatype.SOA)
    serial = soa[0].serial if soa else 0
    owners = {
        (name.to_text(), _target(record))
        for name, node in found.nodes.items()
        if name != dns.name.empty
        for rdataset in node
        for record in rdataset
    }
    return serial, owners


def update_zone(
    server: NameServer,
    zone: str,
    *,
    key: TsigKey,
    removed: Sequence[str],
    added: Sequence[str],
    target: str,
    soa: str,
) -> int:
    """Remove and add names in a zone by dynamic updates (RFC 2136); return the number of update messages.

    `removed` and `added` are owner names relative to the zone. Removals go first. An added name gets a CNAME
    to `target`, in place of any other. The last message sets the zone's SOA record to the text `soa`. The
    messages are signed with the TSIG `key`; the server applies each whole or not at all.

    Raises:
        ServerFailed: no answer, or it refused a message; those before it are applied.
    """
    messages = list(_messages(zone, key, removed, added, target, soa))
    for message in messages:
        answer = _send(server, message)
        if answer.rcode() != dns.rcode.NOERROR:
            raise ServerFailed(f"{server}: {dns.rcode.to_text(answer.rcode())} to an update")
    return len(messages)


def who_may_read(server: NameServer, zone: str) -> str:
    """Return which queries about a zone the server answers without a key: "", "SOA", "AXFR" or "SOA AXFR".

    AXFR is the transfer of the whole zone, which must be refused: the blocking list is not public. The result
    is "" also if the server does not answer at all.
    """
    told = []
    for kind in (dns.rdatatype.SOA, dns.rdatatype.AXFR):
        try:
            answer = _ask(server, zone, kind, key=None, recursive=False)
        except ServerFailed:
            continue
        if any(rrset.rdtype == dns.rdatatype.SOA for rrset in answer.answer):
            told.append(dns.rdatatype.to_text(kind))
    return " ".join(told)


def look_up(server: NameServer, name: str) -> tuple[str, str, tuple[int, ...]]:
    """Return a resolver's answer to a query for the address (A record) of a name.

    The answer is (response code such as "NXDOMAIN", target of the first CNAME or "", extended DNS error
    codes, RFC 8914).

    Raises:
        ServerFailed: no answer.
    """
    answer = _ask(server, name, dns.rdatatype.A, key=None)
    targets = [
        record.target.to_text(omit_final_dot=True)
        for rrset in answer.answer
        for record in rrset
        if isinstance(record, CNAME)
    ]
    codes = tuple(int(error.code) for error in answer.extended_errors())
    return dns.rcode.to_text(answer.rcode()), "".join(targets[:1]), codes


def _messages(  # noqa: PLR0917 - those of `update_zone`
    zone: str, key: TsigKey, removed: Iterable[str], added: Iterable[str], target: str, soa: str
) -> Iterator[dns.update.UpdateMessage]:
    records = dns.rdataset.from_text(dns.rdataclass.IN, dns.rdatatype.CNAME, _TTL, f"{target}.")
    message, size = _empty(zone, key), 0
    steps = [*((name, False) for name in removed), *((name, True) for name in added)]
    for name, is_added in steps:
        cost = len(name) + len(target) + 24
        if size + cost > _MOST_OCTETS:
            yield message
            message, size = _empty(zone, key), 0
        owner = dns.name.from_text(name, origin=None)
        if is_added:
            message.replace(owner, records)
        else:
            message.delete(owner)
        size += cost * (1 + is_added)
    message.add(dns.name.empty, _TTL, dns.rdatatype.SOA, soa)
    yield message


def _empty(zone: str, key: TsigKey) -> dns.update.UpdateMessage:
    return dns.update.UpdateMessage(
        dns.name.from_text(zone), keyring=_ring(key), keyname=dns.name.from_text(key.name)
    )


def _ask(
    server: NameServer,
    name: str,
    kind: dns.rdatatype.RdataType,
    *,
    key: TsigKey | None,
    recursive: bool = True,
) -> dns.message.Message:
    query = dns.message.make_query(name, kind, use_edns=0, payload=1232)
    if not recursive:
        query.flags &= ~dns.flags.RD
    if key is not None:
        query.use_tsig(_ring(key), keyname=dns.name.from_text(key.name))
    return _send(server, query)


def _send(server: NameServer, message: dns.message.Message) -> dns.message.Message:
    try:
        return dns.query.tcp(
            message, server.address, timeout=_SECONDS, port=server.port, one_rr_per_rrset=False
        )
    except (dns.exception.DNSException, OSError, EOFError) as error:
        raise ServerFailed(f"{server}: {_why(error)}") from None


def _ring(key: TsigKey) -> dict[dns.name.Name, dns.tsig.Key]:
    name = dns.name.from_text(key.name)
    return {name: dns.tsig.Key(name, key.secret, dns.name.from_text(f"{key.algorithm}."))}


def _target(record: dns.rdata.Rdata) -> str:
    if isinstance(record, CNAME):
        return record.target.to_text().removesuffix(".")
    return f"{record.rdtype.name} {record}"


def _why(error: Exception) -> str:
    return str(error) or type(error).__name__
