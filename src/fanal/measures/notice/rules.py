"""Rules of notices to providers: one for each host, for an offence that permits no removal request. Pure."""

from collections.abc import Sequence
from datetime import date

from fanal.kernel.refusal import Refusal
from fanal.measures.domain.drafting import Target, addresses_by_host
from fanal.orient.domain.records import Basis
from fanal.reference import Catalogue, Offence


def ground_of(bases: Sequence[Basis], *, catalogue: Catalogue, on: date) -> Offence:
    """Return the offence for which a notice is sent: the first of a decision that permits no removal request.

    `bases` are the legal bases of the decision; the offence must be in force on the day `on`.

    Raises:
        Refusal: NO_GROUND (no legal basis of the decision allows a notice).
    """
    for basis in bases:
        entry = catalogue.by_entry_id(basis.entry_id)
        if isinstance(entry, Offence) and entry.in_force(on) and not basis.opens_measures:
            return entry
    raise Refusal("notice", "NO_GROUND")


def hosts_of(targets: Sequence[Target]) -> dict[str, tuple[str, ...]]:
    """Return the exact addresses of `targets` by host name; .onion hosts are omitted.

    Raises:
        Refusal: NO_TARGET (no address is left).
    """
    found = addresses_by_host(targets)
    if not found:
        raise Refusal("notice", "NO_TARGET")
    return found
