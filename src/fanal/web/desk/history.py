"""The history of an object (a report, a dossier, …) from the ledger, for its page."""

from uuid import UUID

from django.utils.translation import gettext

from fanal.accounts.domain.policy import may
from fanal.accounts.queries.people import person_names
from fanal.kernel.actors import PUBLIC_PERSON, SYSTEM_PERSON, Actor
from fanal.ledger import queries as ledger
from fanal.ledger.domain.records import LedgerLine

_SHOWN = 40
_READ = 2000  # entries read per object, the oldest; the newest of these are shown


def lines_of(object_id: UUID, *, actor: Actor, reads: bool = False) -> list[tuple[LedgerLine, str]]:
    """Return the newest entries of the ledger about an object, newest first, as (entry, name of its author).

    Forty at most, of the object's first two thousand entries. Entries of consultations are included with
    `reads`. The caller has checked the right to the object; without the right to its history the list is
    empty.
    """
    if not may(actor, "ledger.read"):
        return []
    entries = ledger.entries_of(actor=actor, object_id=object_id, limit=_READ)
    shown = [e for e in reversed(entries) if reads or e.verb != "CONSULTATION"][:_SHOWN]
    names = person_names(person_ids={e.actor_id for e in shown if e.actor_id != SYSTEM_PERSON})
    names[PUBLIC_PERSON] = gettext("Public form")
    return [(entry, names.get(entry.actor_id, "")) for entry in shown]
