"""Pages on the directory of addressees of measures: list, one entry, its form, confirmation."""

from collections.abc import Collection, Mapping
from http import HTTPStatus
from typing import Final
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from fanal.accounts.domain.policy import may
from fanal.accounts.queries.people import person_names
from fanal.accounts.routes import needs
from fanal.casework.domain.records import Addressee
from fanal.kernel.calendar import read_day
from fanal.kernel.refusal import Refusal
from fanal.kernel.typed import identifier, whole_number
from fanal.measures.addressees import views as directory
from fanal.measures.addressees.acts import confirm_entry, may_confirm, write_entry
from fanal.measures.addressees.records import DIRECTING, Entry, EntryState, Field, Kind, NewEntry
from fanal.measures.domain.records import Measure
from fanal.web.account.actors import actor_of, now_of
from fanal.web.desk import history
from fanal.web.failures import reason_of
from fanal.web.forms import Parsed, PostedForm, Several, text

HOSTING: Final = (Kind.HOST, Kind.EDITOR)
"""Addressees of removal requests (LCEN 6-1) and of notices (DSA, article 16)."""
_PAGE: Final = 50
_TONES: Final = {
    EntryState.NO_ADDRESS: "warn",
    EntryState.WAITING: "wait",
    EntryState.CONFIRMED: "ok",
    EntryState.CLOSED: "closed",
}
_TYPED: Final = tuple(field for field in Field if field is not Field.KIND)
_LONG: Final = frozenset(
    {
        Field.OTHER_NAME, Field.POSTAL, Field.LANGUAGE, Field.AS_NUMBER, Field.PREFIX, Field.DOMAIN,
    }
)  # fmt: skip
"""Fields typed in several lines."""


class _EntryForm(PostedForm):
    """Form of an entry: its values (read by `_values`), their source and the version that its page showed."""

    refuses = "addressee"
    kinds = Several(posted="kind")
    source = text()
    dated_on = Parsed(read_day, "DATE", posted="source_date")
    compared = Parsed("yes".__eq__, posted="checked")
    restates = Parsed("yes".__eq__)
    closed = Parsed("yes".__eq__)


def _version(request: HttpRequest) -> int:
    """Return the version number of the directory entry that the posted form was made from.

    -1, which matches no version, if it is missing or unreadable.
    """
    found = whole_number(request.POST.get("version", ""), digits=9)
    return -1 if found is None else found


def _entry(request: HttpRequest) -> NewEntry:
    """Return the directory entry that the form states: its values, their source and its date.

    Raises:
        Refusal: DATE, the source's date is unreadable.
    """
    posted = _EntryForm(request).checked().cleaned_data
    values = {Field.KIND: tuple(posted.pop("kinds"))}
    for field in _TYPED:
        typed = request.POST.get(field.lower(), "")
        several = field in _LONG and field is not Field.POSTAL
        values[field] = tuple(typed.splitlines()) if several else (typed,)
    return NewEntry(values=values, checked=posted.pop("compared"), **posted)


@never_cache
@require_GET
@needs("addressee.read")
def listing(request: HttpRequest) -> HttpResponse:
    """List the addressees by name, fifty a page; `q`, `kind` and `state` of the query narrow the list."""
    actor = actor_of(request)
    sought, kind, state = (request.GET.get(name, "").strip() for name in ("q", "kind", "state"))
    found = directory.list_entries(
        actor=actor,
        text=sought,
        kind=Kind(kind) if kind in set(Kind) else None,
        state=EntryState(state) if state in set(EntryState) else None,
    )
    page = Paginator(found, _PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "lines": [(entry, _TONES[entry.state]) for entry in page],
        "asked": bool(sought or kind or state),
        "sought": sought,
        "kind": kind,
        "state": state,
        "kinds": list(Kind),
        "states": list(EntryState),
        "may_keep": may(actor, "addressee.keep"),
    }
    return render(request, "desk/addressees.html", context)


@never_cache
@require_GET
@needs("addressee.read")
def show(request: HttpRequest, addressee_id: UUID) -> HttpResponse:
    """Show an entry: its facts with their sources, the address in use, its versions, what comes next.

    Raises:
        Http404: no such entry.
    """
    return _page(request, _found(request, addressee_id))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@needs("addressee.keep")
def add(request: HttpRequest) -> HttpResponse:
    """Show the form of a new addressee (GET), or write it and redirect to its page (POST).

    A refused form is shown again (status 422).
    """
    return _write(request, None)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@needs("addressee.keep")
def change(request: HttpRequest, addressee_id: UUID) -> HttpResponse:
    """Show the form of an addressee (GET), or write its next version and redirect to its page (POST).

    A refused form is shown again (status 422).

    Raises:
        Http404: no such entry.
    """
    return _write(request, _found(request, addressee_id))


@require_POST
@needs("addressee.confirm")
def confirm(request: HttpRequest, addressee_id: UUID) -> HttpResponse:
    """Confirm the addresses of the version that the page showed, as second person; redirect to the page.

    A refusal is shown on that page (status 422).

    Raises:
        Http404: no such entry.
    """
    entry = _found(request, addressee_id)
    try:
        confirm_entry(
            actor=actor_of(request),
            addressee_id=entry.id,
            version=_version(request),
            now=now_of(request),
        )
    except Refusal as refused:
        return _page(request, entry, refused=refused)
    messages.success(request, _("Confirmed: measures may be sent to this address."))
    return redirect("desk:addressee", entry.id)


def waiting(request: HttpRequest) -> dict[str, object]:
    """Return the template context of the addresses that await confirmation: `addresses`, their number.

    It is 0 for a reader who may not confirm any.
    """
    actor = actor_of(request)
    asked = may(actor, "addressee.confirm")
    return {"addresses": directory.count_waiting(actor=actor) if asked else 0}


def routes() -> list[URLPattern]:
    """Return the routes of the pages of the directory of addressees."""
    one = "addressees/<uuid:addressee_id>/"
    return [
        path("addressees/", listing, name="addressees"),
        path("addressees/add/", add, name="addressee-add"),
        path(one, show, name="addressee"),
        path(f"{one}change/", change, name="addressee-change"),
        path(f"{one}confirm/", confirm, name="addressee-confirm"),
    ]


def on_removal(request: HttpRequest, removal: Measure) -> dict[str, object]:
    """Return the template context of a removal request's form with proposals of the directory (`offered`)."""
    return offered(
        request,
        addressee=removal.request.addressee,
        hosts=[removal.request.host],
        kinds=HOSTING,
        page=reverse("desk:measure", args=[removal.id]),
    )


def offered(
    request: HttpRequest,
    *,
    addressee: Addressee | None,
    hosts: Collection[str],
    kinds: Collection[Kind],
    page: str,
) -> dict[str, object]:
    """Return the template context of an addressee's form, with the directory's proposals for it.

    `addressee` is the one of the act, None once its text has expired; `hosts` and `kinds` as of
    `views.proposals_for`; `page` is the URL of the act's page. Keys: `proposed`, the proposals as pairs of
    the entry and a link that fills the form with it (parameter `to`), empty for a reader who may not read the
    directory; `filled`, the addressee with which the form is filled: the proposal that the query's `to`
    names, else `addressee`.
    """
    actor = actor_of(request)
    if addressee is None or not may(actor, "addressee.read"):
        return {"proposed": (), "filled": addressee}
    proposed = directory.proposals_for(actor=actor, hosts=hosts, kinds=kinds)
    chosen = identifier(request.GET.get("to", ""))
    taken = next((one for one in proposed if one.addressee_id == chosen), None)
    links = [(one, f"{page}?to={one.addressee_id}#name") for one in proposed]
    return {"proposed": links, "filled": taken or addressee}


def _found(request: HttpRequest, addressee_id: UUID) -> Entry:
    entry = directory.get_entry(actor=actor_of(request), addressee_id=addressee_id)
    if entry is None:
        raise Http404
    return entry


def _write(request: HttpRequest, entry: Entry | None) -> HttpResponse:
    if request.method != "POST":
        return _form(request, entry)
    try:
        written = write_entry(
            actor=actor_of(request),
            entry=_entry(request),
            now=now_of(request),
            addressee_id=entry.id if entry else None,
            version=_version(request),
        )
    except Refusal as refused:
        return _form(request, entry, refused=refused)
    messages.success(request, _("Saved."))
    return redirect("desk:addressee", written)


def _page(request: HttpRequest, entry: Entry, *, refused: Refusal | None = None) -> HttpResponse:
    actor = actor_of(request)
    versions = directory.versions_of(actor=actor, addressee_id=entry.id)
    people = {v.author_id for v in versions} | {v.second_id for v in versions if v.second_id}
    names = person_names(person_ids=people)
    newest, waits = entry.newest, entry.state is EntryState.WAITING
    settled = entry.confirmed.directing if entry.confirmed else {}
    in_use = entry.in_use()
    confirms = waits and may(actor, "addressee.confirm")
    context = {
        "entry": entry,
        "tone": _TONES[entry.state],
        "facts": [
            (field, held)
            for field in Field
            if (held := [f for f in newest.facts if f.field is field])
        ],
        "waits": waits,
        "waiting": [
            (field, [(value, value not in settled.get(field, ())) for value in values])
            for field, values in newest.directing.items()
        ],
        "settled": [
            (field, values)
            for field in DIRECTING
            if (values := [fact.value for fact in in_use if fact.field is field])
        ],
        "own": actor.person_id in entry.authors,
        "may_confirm": confirms and may_confirm(actor, entry),
        "may_keep": may(actor, "addressee.keep"),
        "versions": [
            (v, names.get(v.author_id, ""), names.get(v.second_id, "") if v.second_id else "")
            for v in versions
        ],
        "history": history.lines_of(entry.id, actor=actor),
        "refused": reason_of(refused),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK
    return render(request, "desk/addressee.html", context, status=status)


def _form(
    request: HttpRequest, entry: Entry | None, *, refused: Refusal | None = None
) -> HttpResponse:
    posted = request.POST if request.method == "POST" else None
    held: Mapping[Field, tuple[str, ...]] = (
        {field: entry.newest.values(field) for field in Field} if entry else {}
    )
    chosen = posted.getlist("kind") if posted is not None else held.get(Field.KIND, ())

    def typed(name: str, stored: str = "") -> str:
        return stored if posted is None else posted.get(name, "")

    context = {
        "entry": entry,
        "kinds": [(kind, kind in chosen) for kind in Kind],
        "fields": [
            (
                field,
                field.lower(),
                typed(field.lower(), "\n".join(held.get(field, ()))),
                field in _LONG,
            )
            for field in _TYPED
        ],
        "source": typed("source"),
        "source_date": typed("source_date"),
        "checked": typed("checked") == "yes",
        "restates": typed("restates") == "yes",
        "closed": typed("closed", "yes" if entry and entry.newest.closed else "") == "yes",
        "version": typed("version", str(entry.newest.version) if entry else "0"),
        "refused": reason_of(refused),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK
    return render(request, "desk/addressee/form.html", context, status=status)
