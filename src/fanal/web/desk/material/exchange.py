"""List exchange: each member's progress in reading lists, and the progress of fetching from each source."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from fanal.accounts.domain.instructions import InstructionKind
from fanal.accounts.domain.policy import may
from fanal.accounts.queries.instructions import standing_for_each
from fanal.accounts.queries.people import partner_names
from fanal.accounts.routes import needs
from fanal.analyse.material.queries.lists import get_lists
from fanal.exchange import queries
from fanal.web.account.actors import actor_of, now_of


@never_cache
@require_safe
@needs("exchange.read")
def exchange(request: HttpRequest) -> HttpResponse:
    """Show the sources with their checkpoints and the members' reading progress; hashes are never shown.

    A checkpoint is the position in a source's list up to which entries have been fetched.
    """
    actor, now = actor_of(request), now_of(request)
    readings = queries.list_readings(actor=actor)
    sources = queries.list_sources(actor=actor)
    held = queries.get_checkpoints(source_ids=[source.id for source in sources])
    listed = get_lists()
    under = standing_for_each(
        kind=InstructionKind.LIST_FETCH,
        scopes={listed[source.list_id].name for source in sources},
        now=now,
    )
    names = partner_names(partner_ids={reading.partner_id for reading in readings})
    context = {
        "may_manage": may(actor, "source.manage"),
        "sources": [
            {
                "source": source,
                "list": listed[source.list_id].name,
                "checkpoint": held[source.id],
                "instruction": under.get(listed[source.list_id].name),
            }
            for source in sources
        ],
        "readings": [
            {
                "reading": reading,
                "member": names.get(reading.partner_id, ""),
                "list": listed[reading.list_id].name if reading.list_id in listed else "",
            }
            for reading in readings
        ],
    }
    return render(request, "desk/exchange.html", context)
