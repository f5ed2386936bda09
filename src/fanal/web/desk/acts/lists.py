"""Pages that list official acts: open or all acts of a kind, and those that await a second approval."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.functional import Promise
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from fanal.accounts.queries.people import person_names
from fanal.accounts.routes import needs
from fanal.casework import queries
from fanal.casework.domain.lifecycle import APPROVE, Lifecycle
from fanal.casework.domain.records import Act
from fanal.web.account.actors import actor_of
from fanal.web.reading import consult

_LISTED = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ActLine:
    """The part of a row in a list of official acts that depends on the kind of act.

    `name`: of the addressee or of the person concerned; `bases`: legal articles; `due_at`: due date.
    """

    name: str
    bases: str
    due_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActList:
    """Configuration of the list of one kind of official act: what differs from the lists of the other kinds.

    `route` is the URL name of the list, `page` that of one act. `line` makes a row from an act and its
    present document (None once the document has expired). `heading` is the title, `first` the heading of the
    name column, `empty` the text of an empty list; `lead`, an introduction, may be empty.
    """

    lifecycle: Lifecycle
    route: str
    page: str
    line: Callable[[Act, bytes | None], ActLine]
    heading: str | Promise
    first: str | Promise
    empty: str | Promise
    icon: str
    lead: str | Promise = ""


def route_of(pages: ActList, *, place: str) -> URLPattern:
    """Return the URL route of a list of official acts (`pages`), under the path `place`.

    It is open to people who may read such acts.
    """

    @never_cache
    @require_GET
    @needs(pages.lifecycle.reads)
    def view(request: HttpRequest) -> HttpResponse:
        return _listing(pages, request)

    return path(f"{place}/", view, name=pages.route.partition(":")[2])


def waiting(pages: ActList, request: HttpRequest) -> dict[str, object]:
    """Return the template context of the official acts of a kind (`pages`) that await approval, oldest first.

    A second person approves them. At most a hundred. The reading is recorded in the ledger.
    """
    transitions = pages.lifecycle.states.transitions
    sources = {state.value for one in transitions if one.name == APPROVE for state in one.sources}
    return _context(pages, request, states=sources)


def _listing(pages: ActList, request: HttpRequest) -> HttpResponse:
    """Show the open official acts of a kind (not in a final state), or all with `?all=1`, oldest first.

    A hundred at most. `pages`: the configuration of the kind (measure, referral, …).
    """
    everything = request.GET.get("all") == "1"
    states = pages.lifecycle.states
    left = {state.value for one in states.transitions for state in one.sources} - states.final
    context = _context(pages, request, states=() if everything else left)
    return render(request, "desk/acts.html", context | {"everything": everything})


def _context(pages: ActList, request: HttpRequest, *, states: Iterable[str]) -> dict[str, object]:
    kind = pages.lifecycle.kind
    found = queries.list_acts(
        actor=actor_of(request), lifecycle=pages.lifecycle, states=states, limit=_LISTED
    )
    consult(request, kind, [act.id for act in found], action=f"{kind}.list")
    names = person_names(person_ids={act.author_id for act in found})
    said = queries.contents_of(acts=found)
    rows = [(act, pages.line(act, said.get(act.id)), names.get(act.author_id, "")) for act in found]
    labels = {part: f"{kind}_{part}" for part in ("state", "outcome")}
    return {"list": pages, "rows": rows, "labels": labels, "full": len(found) == _LISTED}
