"""The home page, the first page after sign-in, and the tour of five steps that it offers a new person."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from fanal.accounts.domain.policy import may
from fanal.accounts.operations.people import keep_tour_seen
from fanal.accounts.routes import needs
from fanal.kernel.typed import whole_number
from fanal.web.account.actors import actor_of, now_of
from fanal.web.components.navigation import reachable
from fanal.web.home.sections import sections_of
from fanal.web.home.tour import STEPS, steps_for


@never_cache
@require_GET
@needs("home.read")
def home(request: HttpRequest) -> HttpResponse:
    """Show what waits for each role of the person, as numbers that lead to the lists of these items."""
    actor = actor_of(request)
    sections = sections_of(actor=actor, now=now_of(request))
    context: dict[str, object] = {
        "busy": [section for section in sections if section.has_work],
        "idle": [section for section in sections if not section.has_work],
        "frame": _frame(request),
    }
    if not getattr(request.user, "tour_seen", True):
        context |= _step(request, 1)
    return render(request, "home/home.html", context)


@never_cache
@require_GET
@needs("home.read")
def tour(request: HttpRequest) -> HttpResponse:
    """Show a step of the tour (`step` in the query, by default the first): a page, or its part for htmx.

    Raises:
        Http404: there is no such step.
    """
    step = whole_number(request.GET.get("step", "1"), digits=1)
    if step is None or not 1 <= step <= STEPS:
        raise Http404
    context = {"frame": _frame(request), **_step(request, step)}
    part = "HX-Request" in request.headers
    return render(request, "home/tour_step.html" if part else "home/tour.html", context)


@require_POST
@needs("home.read")
def tour_seen(request: HttpRequest) -> HttpResponse:
    """Record that the person has seen or left the tour; answer htmx with a line, else go to the home page."""
    keep_tour_seen(actor=actor_of(request))
    if "HX-Request" in request.headers:
        return render(request, "home/tour_left.html")
    messages.success(request, _("You find the tour again in the list of guides."))
    return redirect("home:home")


def _frame(request: HttpRequest) -> str:
    """Return the name of the base template: with alarms if the person may list reports, else without."""
    return "desk/base.html" if may(actor_of(request), "report.list") else "base_desk.html"


def _step(request: HttpRequest, step: int) -> dict[str, object]:
    """Return the template context of a step of the tour (from 1)."""
    actor = actor_of(request)
    shown = steps_for(actor)[step - 1]
    return {
        "tour": shown,
        "step": step,
        "steps": range(1, STEPS + 1),
        "last": step == STEPS,
        "before": step - 1,
        "after": step + 1,
        "place": reachable(shown.route, actor) if shown.route else "",
        "moved": "HX-Request" in request.headers,
    }
