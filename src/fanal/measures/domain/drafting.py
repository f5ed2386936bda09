"""The content of removal requests, from a decision's legal bases and a report's addresses. Pure.

Each host receives one request.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date

from msgspec import Struct

from fanal.casework.domain.records import Addressee
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.kernel.refusal import Refusal
from fanal.kernel.typed import is_mail_address
from fanal.orient.domain.qualify import measure_basis
from fanal.orient.domain.records import Basis
from fanal.reference import Catalogue, Offence

MAX_TEXT = 2000
"""Maximum number of characters of a reason, and of the name of a proof."""
_LANGUAGE = re.compile("[a-z]{2}")
_PAGE = re.compile(r"https://[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._~/-]*)?")


class Target(Struct, frozen=True, kw_only=True):
    """An exact address (URL) and its host name."""

    address: str
    host: str


class RequestDraft(Struct, frozen=True, kw_only=True):
    """The content of one removal request before it becomes an act: host, exact addresses, addressee, law.

    `basis` is the article that provides the measure, `offence` the article that the content violates (codes);
    `basis_entry` and `offence_entry` are the ids of the applied versions.
    """

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
    """Return one removal request draft for each host, hosts and addresses in order of first appearance.

    `bases` are those of the decision, `targets` the addresses of its report; `catalogue` holds the law, which
    must be in force on the day `on`. `addressees` are by host name; a host without one gets an empty
    addressee. Addresses on the Tor network (.onion) are omitted: their host is unknown.

    Raises:
        Refusal: MEASURES_CLOSED (no basis of the decision allows a measure), NO_TARGET (no address left),
            ADDRESSEE_UNREADABLE (a letter cannot name the recipient, see `check_addressee`).
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
    """Return the web addresses of a report that a removal request can name: parsed ones with a host name.

    In the order of the report, repeats included.
    """
    return tuple(
        Target(address=url.canonical, host=url.host)
        for url in report.urls
        if url.canonical and url.host
    )


def addresses_by_host(targets: Sequence[Target]) -> dict[str, tuple[str, ...]]:
    """Group addresses by host name, both in order of first appearance; .onion hosts are omitted."""
    by_host: dict[str, dict[str, None]] = {}
    for target in targets:
        if not target.host.endswith(".onion"):
            by_host.setdefault(target.host, {})[target.address] = None
    return {host: tuple(addresses) for host, addresses in by_host.items()}


def is_contact(contact: str) -> bool:
    """Return whether a text is a valid contact of a provider: empty, an e-mail address, or a web form's URL.

    The URL begins with `https://` and has neither query nor fragment.
    """
    return not contact or is_mail_address(contact) or _PAGE.fullmatch(contact) is not None


def check_addressee(addressee: Addressee, *, kind: str = "measure") -> None:
    """Check that a letter can name an addressee: name and contact each on one line, no space in the contact.

    Names have at most 200 characters, contacts 320; the language is a two-letter code. `kind` is the kind of
    the refusal (label kind `<kind>_refusal`).

    Raises:
        Refusal: ADDRESSEE_UNREADABLE (one of these conditions fails).
    """
    name, contact = addressee.name, addressee.contact
    readable = (name + contact).isprintable() and len(name) <= 200 and len(contact) <= 320
    if not readable or " " in contact or not _LANGUAGE.fullmatch(addressee.language):
        raise Refusal(kind, "ADDRESSEE_UNREADABLE")


def check_provider(addressee: Addressee, *, kind: str) -> None:
    """Check that a letter can name an addressee (`check_addressee`), and that its contact is usable or empty.

    `kind` is the kind of the refusal (label kind `<kind>_refusal`).

    Raises:
        Refusal: ADDRESSEE_UNREADABLE (one of these conditions fails).
    """
    check_addressee(addressee, kind=kind)
    if not is_contact(addressee.contact):
        raise Refusal(kind, "ADDRESSEE_UNREADABLE")


def _ground(bases: Sequence[Basis], catalogue: Catalogue, on: date) -> tuple[Offence, str, str]:
    """Return the first offence of `bases` that allows a removal request that day, and the rule for it.

    The rule is given as its code and the id of its version (`entry_id`). The law in `catalogue` decides,
    whatever the decision states.

    Raises:
        Refusal: MEASURES_CLOSED, no basis allows one.
    """
    for basis in bases:
        entry = catalogue.by_entry_id(basis.entry_id)
        if not isinstance(entry, Offence) or not entry.in_force(on):
            continue
        rule = measure_basis(entry, catalogue=catalogue, on=on)
        if rule is not None:
            return entry, rule.code, rule.entry_id
    raise Refusal("measure", "MEASURES_CLOSED")
