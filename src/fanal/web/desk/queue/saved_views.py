"""Saved views of the queue: listed next to the fixed views, saved, renamed, shared and deleted.

A saved view is a fixed view with filters, under a name; own, or shared with a desk.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from msgspec import Struct, structs

from fanal.accounts.domain.policy import Resource, allows, reach
from fanal.accounts.queries.desks import desk_names
from fanal.accounts.queries.people import person_names
from fanal.accounts.routes import needs
from fanal.kernel.actors import Actor
from fanal.kernel.refusal import Refusal
from fanal.kernel.typed import whole_number
from fanal.orient.domain.filters import stated_by
from fanal.orient.domain.records import QueueFilter, QueueView, SavedView
from fanal.orient.queue import operations as orient
from fanal.orient.queue.queries import COUNT_CAP, count_saved_views, list_saved_views
from fanal.web.account.actors import actor_of, now_of
from fanal.web.desk.queue.filters import (
    Chip,
    Named,
    chips_of,
    filters_of,
    named_for,
    query_of,
    view_of,
)
from fanal.web.failures import reason_of


class ViewLine(Struct, frozen=True, kw_only=True):
    """A row of a list of saved views.

    `href` is the URL of the view, `current`: the page shows it now. `count`: number of its reports, None if
    not shown; `author`: who saved it, "" if not shown; `chips`: its filters in words, empty if not shown.
    """

    saved: SavedView
    href: str
    current: bool
    count: int | None = None
    author: str = ""
    chips: Sequence[Chip] = ()


def lines_of(
    actor: Actor,
    *,
    view: QueueView,
    filters: QueueFilter,
    counts: Mapping[UUID, int] | None = None,
) -> list[ViewLine]:
    """Return the saved views visible to the actor; the one equal to `view` and `filters` is current.

    `counts`: the number of reports by saved view id, if it is to be shown. In the order of
    `list_saved_views`.
    """
    return [
        ViewLine(
            saved=saved,
            href=f"{reverse('desk:queue')}?{query_of(saved.view, saved.filters)}",
            current=(saved.view, saved.filters) == (view, filters),
            count=counts.get(saved.id) if counts is not None else None,
        )
        for saved in list_saved_views(actor=actor)
    ]


@never_cache
@require_safe
@needs("report.list")
def counted(request: HttpRequest) -> HttpResponse:
    """Show the saved views with the number of reports in each, as a fragment loaded after the queue page.

    Raises:
        Http404: the query names an unknown view.
    """
    actor = actor_of(request)
    counts = count_saved_views(
        actor=actor,
        views=list_saved_views(actor=actor),
        now=now_of(request),
        cap=COUNT_CAP + 1,
    )
    view, filters = view_of(request.GET), filters_of(request.GET)
    context = {
        "saved": lines_of(actor, view=view, filters=filters, counts=counts),
        "cap": COUNT_CAP,
    }
    return render(request, "desk/views_saved.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@needs("view.keep")
def own(request: HttpRequest) -> HttpResponse:
    """Show the person's own views and the form to save the current view (GET), or save it (POST).

    A refused form is shown again (status 422).

    Raises:
        Http404: the query or the form names an unknown view.
    """
    if request.method != "POST":
        return _page(request, shared=False)
    return _save(request, share_with=None)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@needs("view.share")
def shared(request: HttpRequest) -> HttpResponse:
    """Show the shared views of the desks that the person manages (GET), or share the current view (POST).

    The form's `desk` is the desk to share with. A refused form is shown again (status 422).

    Raises:
        Http404: the person may not share views there, or the query or form names an unknown view.
    """
    if request.method != "POST":
        return _page(request, shared=True)
    desk_id = whole_number(request.POST.get("desk", ""), digits=9)
    if (
        desk_id is None
        or not allows(actor_of(request), "view.share", Resource(desk_id=desk_id)).allowed
    ):
        raise Http404
    return _save(request, share_with=desk_id)


@never_cache
@require_POST
@needs("view.keep")
def change_own(request: HttpRequest, view_id: UUID) -> HttpResponse:
    """Rename or delete one of the person's own views, as the form's `act` says, then show the list.

    `name` is the new name; a refusal is shown with the list (status 422).

    Raises:
        Http404: no such view, or another act.
    """
    return _change(request, view_id, shared=False)


@never_cache
@require_POST
@needs("view.share")
def change_shared(request: HttpRequest, shared_view_id: UUID) -> HttpResponse:
    """Rename or delete a view shared in a desk, as the form's `act` says, then show the list.

    `name` is the new name; a refusal is shown with the list (status 422).

    Raises:
        Http404: no such view for the person, or another act.
    """
    return _change(request, shared_view_id, shared=True)


def _save(request: HttpRequest, *, share_with: int | None) -> HttpResponse:
    view, filters = view_of(request.POST), filters_of(request.POST)
    try:
        orient.save_view(
            actor=actor_of(request),
            name=request.POST.get("name", ""),
            view=view,
            filters=filters,
            now=now_of(request),
            share_with=share_with,
        )
    except Refusal as refused:
        return _page(request, shared=share_with is not None, refused=refused, where="new")
    messages.success(request, _("The view is saved. It is listed next to the queue."))
    return redirect(f"{reverse('desk:queue')}?{query_of(view, filters)}")


def _change(request: HttpRequest, view_id: UUID, *, shared: bool) -> HttpResponse:
    actor, act = actor_of(request), request.POST.get("act")
    seen = {saved.id for saved in list_saved_views(actor=actor) if saved.shared == shared}
    if view_id not in seen or act not in {"rename", "delete"}:
        raise Http404
    try:
        if act == "delete":
            orient.delete_view(actor=actor, view_id=view_id)
            messages.success(request, _("The view is deleted."))
        else:
            orient.rename_view(actor=actor, view_id=view_id, name=request.POST.get("name", ""))
            messages.success(request, _("The view has its new name."))
    except orient.ViewUnknown:
        raise Http404 from None
    except Refusal as refused:
        return _page(request, shared=shared, refused=refused, where=str(view_id))
    return redirect("desk:views-shared" if shared else "desk:views")


def _page(
    request: HttpRequest, *, shared: bool, refused: Refusal | None = None, where: str = ""
) -> HttpResponse:
    """Return the page of own views, or of views shared in desks that the person manages (`shared`).

    `refused` is the refusal of the form `where` (a view's id, or `new`).
    """
    actor = actor_of(request)
    asked = request.POST if where == "new" else request.GET
    view, filters = view_of(asked), filters_of(asked)
    desks = reach(actor, "view.share").desk_ids
    lines = [
        line
        for line in lines_of(actor, view=view, filters=filters)
        if line.saved.shared == shared and (not shared or line.saved.desk_id in desks)
    ]
    names = named_for(actor=actor)
    context = {
        "view": view,
        "chips": chips_of(view, filters, names),
        "stated": stated_by(filters),
        "offered": "view" in asked or bool(stated_by(filters)),
        "shared": shared,
        "lines": _signed(lines, names),
        "desks": sorted(desk_names(desk_ids=desks).items()),
        "typed": request.POST.get("name", ""),
        "where": where,
        "refused": reason_of(refused),
        "longest": orient.MAX_NAME,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK
    return render(request, "desk/views.html", context, status=status)


def _signed(lines: Sequence[ViewLine], names: Named) -> list[ViewLine]:
    """Return the rows with `author`, the name of the person who saved the view, and `chips`."""
    authors = person_names(person_ids={line.saved.person_id for line in lines})
    return [
        structs.replace(
            line,
            author=authors.get(line.saved.person_id, ""),
            chips=chips_of(line.saved.view, line.saved.filters, names),
        )
        for line in lines
    ]
