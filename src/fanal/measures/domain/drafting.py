"""From a decision's bases and a report's addresses to one request for each host. Pure."""

import re
from collections.abc import Mapping, Sequence
from datetime import date

from msgspec import Struct

from fanal.casework.domain.records import Addressee
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.kernel.refusal import Refusal
from fanal.orient.domain.qualify import measure_basis
from fanal.orient.domain.records import Basis
from fanal.reference import Catalogue, Offence

MAX_TEXT = 2000
"""Characters of a reason, and of the name of a proof."""
_LANGUAGE = re.compile("[a-z]{2}")


class Target(Struct, frozen=True, kw_only=True):
    """An exact address and its host name."""

    address: str
    host: str


class RequestDraft(Struct, frozen=True, kw_only=True):
    """What one request will say."""

    host: str
    targets: tuple[str, ...]
    addressee: Addressee
    basis: str
    basis_entry: str
    offence: str
    offence_entry: str


def draft_requests(
    *,
    bases: Sequence[Basis],
    targets: Sequence[Target],
    catalogue: Catalogue,
    on: date,
    addressees: Mapping[str, Addressee],
) -> tuple[RequestDraft, ...]:
    """Return one draft for each host, hosts and addresses in order of first appearance.

    Addresses on the anonymous network are left out: nobody hosts them who could be asked.

    Raises:
        Refusal: MEASURES_CLOSED, NO_TARGET or ADDRESSEE_UNREADABLE.
    """
    for addressee in addressees.values():
        check_addressee(addressee)
    offence, basis, basis_entry = _ground(bases, catalogue, on)
    by_host = addresses_by_host(targets)
    if not by_host:
        raise Refusal("measure", "NO_TARGET")
    return tuple(
        RequestDraft(
            host=host,
            targets=addresses,
            addressee=addressees.get(host, Addressee()),
            basis=basis,
            basis_entry=basis_entry,
            offence=offence.code,
            offence_entry=offence.entry_id,
        )
        for host, addresses in by_host.items()
    )


def targets_of(report: HarmonisedReport) -> tuple[Target, ...]:
    """Return the exact addresses of a report that have a host."""
    return tuple(
        Target(address=url.canonical, host=url.host)
        for url in report.urls
        if url.canonical and url.host
    )


def addresses_by_host(targets: Sequence[Target]) -> dict[str, tuple[str, ...]]:
    """Return the addresses of each host, both in order of first appearance, without the anonymous network."""
    by_host: dict[str, dict[str, None]] = {}
    for target in targets:
        if not target.host.endswith(".onion"):
            by_host.setdefault(target.host, {})[target.address] = None
    return {host: tuple(addresses) for host, addresses in by_host.items()}


def check_addressee(addressee: Addressee) -> None:
    """Refuse an addressee that cannot stand in a letter: one line each, and a contact without spaces.

    Raises:
        Refusal: ADDRESSEE_UNREADABLE.
    """
    name, contact = addressee.name, addressee.contact
    readable = (name + contact).isprintable() and len(name) <= 200 and len(contact) <= 320
    if not readable or " " in contact or not _LANGUAGE.fullmatch(addressee.language):
        raise Refusal("measure", "ADDRESSEE_UNREADABLE")


def _ground(bases: Sequence[Basis], catalogue: Catalogue, on: date) -> tuple[Offence, str, str]:
    """Return the first basis that opens a measure on that day; what a decision says is checked again."""
    for basis in bases:
        entry = catalogue.by_entry_id(basis.entry_id)
        if not isinstance(entry, Offence) or not entry.in_force(on):
            continue
        rule = measure_basis(entry, catalogue=catalogue, on=on)
        if rule is not None:
            return entry, rule.code, rule.entry_id
    raise Refusal("measure", "MEASURES_CLOSED")
