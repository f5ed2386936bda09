"""Look-up of the reports that a REF (id, reference or number) on the command line names."""

import contextlib
from collections.abc import Sequence
from uuid import UUID

from fanal.accounts.domain.policy import reach
from fanal.accounts.queries.people import find_partner
from fanal.cli.failures import tell
from fanal.deconfliction.sharing import queries as sharing
from fanal.intake.queries import envelopes as intake
from fanal.kernel import clock
from fanal.kernel.actors import Actor
from fanal.kernel.refusal import Refusal
from fanal.ledger import operations as ledger


def to_export(actor: Actor, report_ids: Sequence[UUID]) -> list[UUID]:
    """Return, of `report_ids`, the reports at whose desk the actor has the right to export.

    That right is the policy action `export.write`. In the order of `report_ids`. A message on standard error
    says how many of them are withheld from one organisation: they are not for that one.

    Raises:
        Refusal: KEPT_BACK, one is in a dossier that is withheld from every organisation.
    """
    bounds = reach(actor, "export.write")
    facts = intake.get_reports(actor=actor, report_ids=report_ids)
    found = [i for i in report_ids if i in facts and bounds.holds(facts[i].desk_id)]
    if not set(sharing.withheld_from()).isdisjoint(found):
        raise Refusal("deconfliction", "KEPT_BACK")
    for counterpart_id, name in sharing.withheld_names().items():
        kept = set(sharing.withheld_from(counterpart_ids=[counterpart_id])) & set(found)
        if kept:
            tell("KEPT_FROM", name=name, count=len(kept))
    return found


def resolve(actor: Actor, reference: str) -> Sequence[UUID]:
    """Return the ids of the reports that REF names: an id, a partner's reference, PARTNER:REF, or a number.

    A number is that of the NCMEC-compatible API, or the desk number. In no particular order; empty if there
    are none. Where a text is a number and a reference, a message on standard error says so. The look-up is
    recorded in the ledger as a search.
    """
    found = _named(actor, reference)
    ledger.record_search(
        actor=actor, at=clock.now(), kind="REFERENCE", text=reference, reports=found
    )
    return found


def _named(actor: Actor, reference: str) -> Sequence[UUID]:
    # Partners also use UUIDs as references: an unknown id is tried as a reference.
    with contextlib.suppress(ValueError):
        own = list(intake.get_reports(actor=actor, report_ids=[UUID(reference)]))
        if own:
            return own
    named = intake.find_named(actor=actor, text=reference)
    found = named.report_ids
    if named.both:
        tell("ALSO_REFERENCE" if len(found) == 1 else "BOTH_NAMED", reference=reference)
    partner, separator, rest = reference.partition(":")
    if not found and separator:
        sender = find_partner(name=partner)
        if sender is not None:
            found = intake.find_references(actor=actor, reference=rest, sender_id=sender)
    if not found and reference.isascii() and reference.isdigit() and len(reference) < 19:
        wire = intake.find_wire_number(actor=actor, wire_id=int(reference))
        found = [wire] if wire else []
    return found
