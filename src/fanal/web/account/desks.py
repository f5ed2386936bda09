"""Pages on desks, for the administrator: list, opening, changes, closing, reopening; who is there."""

from collections.abc import Callable
from http import HTTPStatus

from django.contrib import messages
from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from fanal import desks as closing
from fanal.accounts.domain.records import PUBLIC_DESK, DeskDetails, DeskRecord
from fanal.accounts.operations import desks as operations
from fanal.accounts.queries.desks import desk_name, get_desk, list_desks, people_at_desks
from fanal.accounts.routes import needs
from fanal.kernel.refusal import Refusal
from fanal.web.account.actors import actor_of, now_of
from fanal.web.failures import reason_of
from fanal.web.forms import Parsed, PostedForm
from fanal.web.reading import consult

_MOST = 2**31 - 1


def _line() -> Parsed:
    return Parsed(lambda typed: " ".join(typed.split(" ")).strip())


class _DetailsForm(PostedForm):
    """Form of the details of a desk (`DeskDetails`)."""

    refuses = "desk"
    name = _line()
    name_en = _line()
    territory = _line()
    contact = _line()


@never_cache
@require_GET
@needs("desk.manage")
def listing(request: HttpRequest) -> HttpResponse:
    """List the desks, open ones first, with the number of people who have a role there."""
    actor = actor_of(request)
    found = list_desks(actor=actor)
    people = people_at_desks(actor=actor, now=now_of(request))
    context = {
        "desks": [
            (desk, desk_name(desk.name, desk.name_en), len(people.get(desk.id, [])))
            for desk in sorted(found, key=lambda one: (one.closed_at is not None, one.id))
        ]
    }
    return render(request, "account_pages/desks.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@needs("desk.manage")
def add(request: HttpRequest) -> HttpResponse:
    """Show the form of a new desk (GET), or open the desk and redirect to its page (POST).

    A refused form is shown again (status 422).
    """
    refused = None
    if request.method == "POST":
        try:
            details = DeskDetails(**_DetailsForm(request).checked().cleaned_data)
            number = operations.add_desk(
                actor=actor_of(request),
                code=request.POST.get("code", "").strip().upper(),
                details=details,
                now=now_of(request),
            )
        except Refusal as error:
            refused = error
        else:
            messages.success(request, _("The desk is open."))
            return redirect("account_desk", number)
    context = {"typed": _typed(request), "refused": reason_of(refused)}
    status = HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK
    return render(request, "account_pages/desk_add.html", context, status=status)


@never_cache
@require_GET
@needs("desk.manage")
def show(request: HttpRequest, desk_number: int) -> HttpResponse:
    """Show a desk: its details, the people who have a role there, and its unfinished work by kind.

    Raises:
        Http404: no such desk.
    """
    return _page(request, desk_number)


@require_POST
@needs("desk.manage")
def edit(request: HttpRequest, desk_number: int) -> HttpResponse:
    """Change the details of a desk, then redirect to its page; 422 if refused.

    Raises:
        Http404: no such desk.
    """

    def act() -> None:
        operations.edit_desk(
            actor=actor_of(request),
            desk_id=desk_number,
            now=now_of(request),
            seen=request.POST.get("seen", ""),
            **_DetailsForm(request).checked().cleaned_data,
        )

    return _done(request, desk_number, act, _("The details are changed."))


@require_POST
@needs("desk.manage")
def close(request: HttpRequest, desk_number: int) -> HttpResponse:
    """Close a desk, then redirect to its page; 422 if it still has unfinished work.

    Raises:
        Http404: no such desk.
    """

    def act() -> None:
        closing.close_desk(actor=actor_of(request), desk_id=desk_number, now=now_of(request))

    return _done(request, desk_number, act, _("The desk is closed."))


@require_POST
@needs("desk.manage")
def reopen(request: HttpRequest, desk_number: int) -> HttpResponse:
    """Open a closed desk again, then redirect to its page; 422 if it is open.

    Raises:
        Http404: no such desk.
    """

    def act() -> None:
        operations.reopen_desk(actor=actor_of(request), desk_id=desk_number, now=now_of(request))

    return _done(request, desk_number, act, _("The desk is open again."))


def _done(
    request: HttpRequest, desk_number: int, act: Callable[[], None], words: str
) -> HttpResponse:
    _desk(request, desk_number)
    try:
        act()
    except Refusal as refused:
        return _page(request, desk_number, refused=refused)
    messages.success(request, words)
    return redirect("account_desk", desk_number)


def _desk(request: HttpRequest, desk_number: int) -> DeskRecord:
    if desk_number > _MOST:
        raise Http404
    try:
        return get_desk(actor=actor_of(request), desk_id=desk_number)
    except ObjectDoesNotExist as missing:
        raise Http404 from missing


def _page(
    request: HttpRequest, desk_number: int, *, refused: Refusal | None = None
) -> HttpResponse:
    actor, now = actor_of(request), now_of(request)
    desk = _desk(request, desk_number)
    people = people_at_desks(actor=actor, now=now).get(desk.id, [])
    consult(request, "person", [one.person_id for one in people], action="account.list")
    counts = closing.desk_left(actor=actor, desk_id=desk.id, now=now)
    stale = refused is not None and refused.code == "CHANGED"
    context = {
        "desk": desk,
        "title": desk_name(desk.name, desk.name_en),
        "people": people,
        "left": [(work, count) for work, count in counts.items() if count],
        "public": desk.id == PUBLIC_DESK,
        "typed": _typed(request) if "name" in request.POST and not stale else desk,
        "refused": reason_of(refused),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK
    return render(request, "account_pages/desk.html", context, status=status)


def _typed(request: HttpRequest) -> dict[str, object]:
    return {"code": request.POST.get("code", ""), **_DetailsForm(request).typed}
