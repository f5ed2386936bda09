"""Which reports a REF on the command line names."""

import contextlib
from collections.abc import Sequence
from uuid import UUID

from fanal.accounts import queries as accounts
from fanal.accounts.domain.policy import reach
from fanal.intake import queries as intake
from fanal.kernel import clock
from fanal.kernel.actors import Actor
from fanal.ledger import operations as ledger


def to_export(actor: Actor, report_ids: Sequence[UUID]) -> list[UUID]:
    """Return those of the reports that the actor may export: of desks where `export.write` is held."""
    bounds = reach(actor, "export.write")
    facts = intake.get_reports(actor=actor, report_ids=report_ids)
    return [i for i in report_ids if i in facts and bounds.holds(facts[i].desk_id)]


def resolve(actor: Actor, reference: str) -> Sequence[UUID]:
    """Return the reports that REF names: an id, a reference, PARTNER:REF, a wire number, or a desk number.

    The look-up is a search, and journaled as one before its answer is used.
    """
    found = _named(actor, reference)
    ledger.record_search(
        actor=actor, at=clock.now(), kind="REFERENCE", text=reference, reports=found
    )
    return found


def _named(actor: Actor, reference: str) -> Sequence[UUID]:
    # Partners use UUIDs as references too: an id that is none of ours is read on.
    with contextlib.suppress(ValueError):
        own = list(intake.get_reports(actor=actor, report_ids=[UUID(reference)]))
        if own:
            return own
    found = intake.find_references(actor=actor, reference=reference)
    partner, separator, rest = reference.partition(":")
    if not found and separator:
        sender = accounts.find_partner(name=partner)
        if sender is not None:
            found = intake.find_references(actor=actor, reference=rest, sender_id=sender)
    if not found and reference.isascii() and reference.isdigit() and len(reference) < 19:
        wire = intake.find_wire_number(actor=actor, wire_id=int(reference))
        found = [wire] if wire else []
    return found or intake.find_desk_number(actor=actor, number=reference)
