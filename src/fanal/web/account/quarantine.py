"""Page on quarantine in numbers, for the administrator: kind of failure, number, oldest, remedy."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from fanal.accounts.routes import needs
from fanal.intake.queries.work import quarantine_groups
from fanal.web.account.actors import actor_of


@never_cache
@require_GET
@needs("installation.read")
def quarantine(request: HttpRequest) -> HttpResponse:
    """Show the numbers of reports in quarantine by failure and stage, of all desks, with the remedy."""
    context = {"groups": quarantine_groups(actor=actor_of(request))}
    return render(request, "account_pages/quarantine.html", context)
