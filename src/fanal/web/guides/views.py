"""The users' guides as pages, for everybody who is signed in."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.http import require_GET

from fanal.accounts.routes import needs
from fanal.web.account.actors import actor_of
from fanal.web.components.navigation import reachable
from fanal.web.guides.texts import Guide, guides


@require_GET
@needs("page.public")
def index(request: HttpRequest) -> HttpResponse:
    """Show the list of guides, with the tour for those who have a home page."""
    tour = reachable("home:tour", actor_of(request))
    return render(request, "guides/index.html", {"guides": _of_language(), "tour": tour})


@require_GET
@needs("page.public")
def guide(request: HttpRequest, guide_name: str) -> HttpResponse:
    """Show a guide with its sections and the other guides.

    Raises:
        Http404: no such guide.
    """
    found = _of_language()
    if guide_name not in found:
        raise Http404
    return render(
        request,
        "guides/guide.html",
        {"guides": found, "name": guide_name, "guide": found[guide_name]},
    )


def _of_language() -> dict[str, Guide]:
    return dict(guides()["en" if (get_language() or "fr").startswith("en") else "fr"])
