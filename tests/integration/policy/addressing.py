"""An addressee of measures, which a supervisor added, and whose address awaits a second person."""

from uuid import UUID

from fanal.accounts.models import User
from fanal.accounts.queries.people import actor_for
from fanal.kernel.calendar import paris_day
from fanal.measures.addressees.acts import write_entry
from fanal.measures.addressees.records import Field, NewEntry
from fanal.measures.addressees.views import list_entries
from tests.integration.policy.world import World


def addressee(world: World) -> UUID:
    """Return the id of the addressee, which is added where it is not there yet."""
    keeper = actor_for(user=User.objects.get(username="keeper-own"), now=world.now)
    for entry in list_entries(actor=keeper):
        return entry.id
    values = {
        Field.KIND: ("HOST",),
        Field.NAME: ("Example Host",),
        Field.EMAIL: ("orders@host.example",),
    }
    stated = NewEntry(values=values, source="Notice", dated_on=paris_day(world.now))
    return write_entry(actor=keeper, entry=stated, now=world.now)
