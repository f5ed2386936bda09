"""Home page of a laboratory: the rights of its people, and requests addressed to it."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from fanal.accounts import queries as accounts
from fanal.accounts.routes import needs
from fanal.web.account.actors import actor_of, now_of
from fanal.web.account.habilitations import line_of
from fanal.web.account.openings import opened_to


@never_cache
@require_safe
@needs("examination.read")
def home(request: HttpRequest) -> HttpResponse:
    """Show the laboratory's name and the person's rights; requests to laboratories do not exist yet."""
    actor, now = actor_of(request), now_of(request)
    names = accounts.partner_names(partner_ids=[actor.partner_id] if actor.partner_id else [])
    context = {
        "laboratory": next(iter(names.values()), ""),
        "opened": opened_to(actor),
        "lines": [
            line_of(h, now=now, actor=actor) for h in accounts.own_habilitations(actor=actor)
        ],
    }
    return render(request, "partners/laboratory.html", context)
