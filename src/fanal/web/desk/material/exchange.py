"""Pages on the exchange of lists: partners' servers from which we fetch lists, and readers of our lists."""

from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language, gettext as _, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from fanal import reference
from fanal.accounts.domain.instructions import InstructionKind
from fanal.accounts.domain.policy import may
from fanal.accounts.queries.instructions import standing_for_each, standing_in_force
from fanal.accounts.queries.people import has_demo_mark, partner_names
from fanal.accounts.routes import needs
from fanal.analyse.material.queries.lists import find_list, get_lists
from fanal.connectors import outside, sources
from fanal.exchange import queries
from fanal.exchange.domain.records import ListSource, Service
from fanal.exchange.operations import sources as operations
from fanal.formats.refusal import FormatRefused
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.kernel.texts import alphabetical
from fanal.web.account.actors import actor_of, now_of
from fanal.web.desk import history
from fanal.web.failures import reason_of
from fanal.web.forms import Parsed, PostedForm, text


@never_cache
@require_safe
@needs("exchange.read")
def exchange(request: HttpRequest) -> HttpResponse:
    """Show the list sources with their checkpoints, and the progress of organisations that read our lists.

    A checkpoint is the position in a source's list up to which entries have been fetched. Hashes are never
    shown.
    """
    actor, now = actor_of(request), now_of(request)
    readings = queries.list_readings(actor=actor)
    found = queries.list_sources(actor=actor)
    held = queries.get_checkpoints(source_ids=[source.id for source in found])
    listed = get_lists()
    under = standing_for_each(
        kind=InstructionKind.LIST_FETCH,
        scopes={listed[source.list_id].name for source in found},
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
            for source in found
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


_PACES = (15, 60, 360, 1440, 10080)


class _SourceForm(PostedForm):
    """Form of a new source of a list: service, list, fetch interval, name, URL, collection, login.

    Refusals: KIND (unknown service), LIST (no such list), PACE (interval not on offer).
    """

    refuses = "exchange"
    kind = Parsed(Service, "KIND")
    list_id = Parsed(lambda name: getattr(find_list(name=name), "id", None), "LIST", posted="list")
    every_minutes = Parsed({str(pace): pace for pace in _PACES}.get, "PACE", posted="every")
    name = text()
    url = text()
    collection = text()
    login = text()


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@needs("source.manage")
def add(request: HttpRequest) -> HttpResponse:
    """Show the form of a new list source (GET), or add it and redirect to its page (POST).

    A refused form is shown again (status 422). Entries are fetched only under a standing instruction, or by a
    person.
    """
    if request.method != "POST":
        return _form(request)
    try:
        source_id = operations.add_source(
            actor=actor_of(request),
            source=ListSource(
                id=new_id(now_of(request)),
                added_at=now_of(request),
                **_SourceForm(request).checked().cleaned_data,
            ),
            secret=request.POST.get("secret", ""),
            loopback=has_demo_mark(),
            now=now_of(request),
        )
    except Refusal as refused:
        return _form(request, refused=refused)
    messages.success(request, _("Added. Test the connection before you rely on it."))
    return redirect("desk:source", source_id)


@never_cache
@require_safe
@needs("source.read")
def show(request: HttpRequest, source_id: UUID) -> HttpResponse:
    """Show a partner's list service that we fetch from: our list, state, last checkpoint, history.

    Raises:
        Http404: no such source.
    """
    source, actor = _found(request, source_id), actor_of(request)
    listed = get_lists()[source.list_id]
    context = {
        "source": source,
        "listed": listed,
        "usual": source.every_minutes in _PACES,
        "checkpoint": queries.get_checkpoint(source_id=source.id),
        "instruction": standing_in_force(
            kind=InstructionKind.LIST_FETCH, scope=listed.name, now=now_of(request)
        ),
        "may_manage": may(actor, "source.manage"),
        "history": history.lines_of(source.id, actor=actor),
    }
    return render(request, "desk/source.html", context)


@require_POST
@needs("source.manage")
def test(request: HttpRequest, source_id: UUID) -> HttpResponse:
    """Fetch the next page from the partner's server to test the connection, without importing anything.

    The outcome is shown as a message, and recorded in the ledger.

    Raises:
        Http404: no such source.
    """
    source, actor, now = _found(request, source_id), actor_of(request), now_of(request)
    held = queries.get_checkpoint(source_id=source.id)
    try:
        page = sources.fetch_page(
            outside.current(),
            source=source,
            secret=operations.secret_of(actor=actor, source=source, now=now),
            position=held.position,
            now=now,
        )
    except (outside.OutsideRefused, Refusal) as refused:
        code = refused.code
    except FormatRefused:
        code = "FORMAT"
    else:
        code, count = "", len(page.entries)
        words = ngettext(
            "The server answers: %(n)s entry on the next page. Nothing was imported.",
            "The server answers: %(n)s entries on the next page. Nothing was imported.",
            count,
        )
        messages.success(request, words % {"n": count})
    if code:
        why = reference.label("exchange_refusal", code, get_language() or "fr")
        messages.error(request, _("The connection fails: %s.") % why)
    operations.note_test(actor=actor, source=source, code=code, now=now)
    return redirect("desk:source", source.id)


@require_POST
@needs("source.manage")
def fetch(request: HttpRequest, source_id: UUID) -> HttpResponse:
    """Ask the worker to fetch a partner's list now, then show the source's page; a refusal is a message.

    Raises:
        Http404: no such source.
    """
    source = _found(request, source_id)
    try:
        operations.ask_fetch(actor=actor_of(request), source=source, now=now_of(request))
    except Refusal as refused:
        messages.info(request, reason_of(refused))
    else:
        messages.success(
            request,
            _("Asked for: the worker fetches it in the background, to the end of the list."),
        )
    return redirect("desk:source", source.id)


@require_POST
@needs("source.manage")
def switch(request: HttpRequest, source_id: UUID) -> HttpResponse:
    """Switch the scheduled fetches from a partner's list service on or off, then show its page.

    The form field `enabled` is yes or no.

    Raises:
        Http404: no such source.
    """
    operations.switch_source(
        actor=actor_of(request),
        source=_found(request, source_id),
        enabled=request.POST.get("enabled") == "yes",
        now=now_of(request),
    )
    return redirect("desk:source", source_id)


def _found(request: HttpRequest, source_id: UUID) -> ListSource:
    found = queries.get_source(actor=actor_of(request), source_id=source_id)
    if found is None:
        raise Http404
    return found


def _form(request: HttpRequest, *, refused: Refusal | None = None) -> HttpResponse:
    context = {
        "typed": _SourceForm(request).typed,
        "kinds": list(Service),
        "lists": sorted((s.name for s in get_lists().values()), key=alphabetical),
        "paces": [str(pace) for pace in _PACES],
        "refused": reason_of(refused),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK
    return render(request, "desk/source_add.html", context, status=status)
