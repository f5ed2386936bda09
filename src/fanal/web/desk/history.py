"""The history of an object, as the ledger keeps it."""

from uuid import UUID

from django.utils.translation import gettext

from fanal.accounts import queries as accounts
from fanal.accounts.domain.policy import may
from fanal.kernel.actors import PUBLIC_PERSON, SYSTEM_PERSON, Actor
from fanal.ledger import queries as ledger
from fanal.ledger.domain.records import LedgerLine

_SHOWN = 40
_READ = 2000  # entries looked at; an object with more shows its newest of these


def lines_of(object_id: UUID, *, actor: Actor, reads: bool = False) -> list[tuple[LedgerLine, str]]:
    """Return the newest entries about an object with who acted, newest first; reads when asked for.

    Whether the actor may see the object was asked before; the right to its history is asked here.
    """
    if not may(actor, "ledger.read"):
        return []
    entries = ledger.entries_of(actor=actor, object_id=object_id, limit=_READ)
    shown = [e for e in reversed(entries) if reads or e.verb != "CONSULTATION"][:_SHOWN]
    names = accounts.person_names(
        person_ids={e.actor_id for e in shown if e.actor_id != SYSTEM_PERSON}
    )
    names[PUBLIC_PERSON] = gettext("Public form")
    return [(entry, names.get(entry.actor_id, "")) for entry in shown]
