"""Lists that a partner may read: URLs of the services, and reading progress of its programs."""

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from fanal.accounts.routes import needs
from fanal.exchange import operations, queries
from fanal.web.account.actors import actor_of, now_of


@never_cache
@require_safe
@needs("list.receive")
def lists(request: HttpRequest) -> HttpResponse:
    """Show the lists open to the partner and its reading progress; never a hash."""
    actor = actor_of(request)
    with transaction.atomic():
        shared = operations.open_lists(actor=actor, now=now_of(request))
    names = {one.id: one.facts.name for one in shared}
    context = {
        "shared": shared,
        "readings": [
            (reading, names.get(reading.list_id, "") if reading.list_id else "")
            for reading in queries.list_readings(actor=actor)
        ],
        "hashsharing": request.build_absolute_uri("/hashsharing"),
        "taxii": request.build_absolute_uri(reverse("taxii:discovery")),
    }
    return render(request, "partners/lists.html", context)
