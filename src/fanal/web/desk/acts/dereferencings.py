"""Pages on dereferencings by search engines (an official act; LCEN, article 6-1): draft, list, act, steps."""

from datetime import datetime
from functools import partial
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from fanal import reference
from fanal.accounts.domain.policy import Resource, may
from fanal.accounts.routes import needs
from fanal.casework import queries
from fanal.casework.domain.documents import Part
from fanal.casework.domain.letters import message_of
from fanal.casework.domain.lifecycle import Lifecycle
from fanal.casework.domain.records import ActFile, Addressee, AddresseeKind, Event
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import paris_day
from fanal.kernel.refusal import Refusal
from fanal.measures.addressees.records import Kind
from fanal.measures.blocking.kind import BLOCKING
from fanal.measures.blocking.views import removals_of
from fanal.measures.dereferencing import acts as operations, views
from fanal.measures.dereferencing.document import mail_of, read_dereferencing
from fanal.measures.dereferencing.kind import DEREFERENCING, LASTS, REASONED, DereferencingState
from fanal.measures.domain.records import ENDED_REMOVALS, Measure
from fanal.measures.removal.kind import REMOVAL
from fanal.reference import MeasureClock, SearchService
from fanal.web.account.actors import actor_of, now_of, require_declared
from fanal.web.desk.acts import addressees, appeals, lasting, pages as acts
from fanal.web.failures import reason_of
from fanal.web.forms import Parsed, PostedForm, Several, lines, text
from fanal.web.reading import consult

_FREES = ("free", "ask", "review")
_RIGHTS = {
    "PROPOSER": "dereferencing.propose",
    "SECOND": "dereferencing.approve",
    "OFFICER": "dereferencing.record",
    "ANYONE": "dereferencing.free",
    "REVIEWER": "dereferencing.free",
    "SUPERVISOR": "dereferencing.approve",
}
"""The policy action of those who are asked for the next step (label kind `dereferencing_asked`)."""
_CLOCKS = ("SEARCH_48H", "SEARCH_CHECK_3M", "SEARCH_RESTORE_48H")


def on_removal(request: HttpRequest, removal: Measure, *, gone: bool) -> dict[str, object]:
    """Return the template context of a removal request's page about dereferencings (keys as of `offered`).

    `gone`: the decision behind the request is no longer in force.

    Raises:
        DelayMissing: the reference data have no delay in force for a deadline of a dereferencing.
    """
    bears = removal.state not in ENDED_REMOVALS and not gone
    return offered(request, removal_id=removal.id, report_id=removal.report_id, bears=bears)


def offered(
    request: HttpRequest, *, removal_id: UUID, report_id: UUID, bears: bool
) -> dict[str, object]:
    """Return the template context of the dereferencings based on a removal request, and of a new one's form.

    `bears`: the act of the page still allows a new one. Keys: `resting` (those dereferencings; empty if the
    reader may not read any), `services` (reference entries of search engines and directories in force today),
    `may_dereference` (`bears`, and the reader may draft one), `service_kinds` (codes of the kinds of
    recipients).

    Raises:
        DelayMissing: the reference data have no delay in force for a deadline of a dereferencing.
    """
    actor, now = actor_of(request), now_of(request)
    today = paris_day(now)
    rest = views.list_resting(actor=actor, report_id=report_id, removal_id=removal_id, now=now)
    known = reference.load().entries(SearchService)
    return {
        "resting": rest if may(actor, "dereferencing.read") else (),
        "services": [one for one in known if one.in_force(today)],
        "may_dereference": bears and may(actor, "dereferencing.propose"),
        "service_kinds": (AddresseeKind.SEARCH_ENGINE, AddresseeKind.DIRECTORY),
    }


def _beside(request: HttpRequest, file: ActFile) -> tuple[dict[str, object], list[UUID]]:
    """Return the additional template context of a dereferencing's page, and the ids of its reports."""
    actor, now = actor_of(request), now_of(request)
    view = views.view_of(actor=actor, act=file.act, now=now)
    found = None if file.content is None else read_dereferencing(file.content)
    allowed = DEREFERENCING.allowed(file.act.state)
    today, catalogue = paris_day(now), reference.load()
    clocks = [catalogue.by_code(MeasureClock, code, today) for code in _CLOCKS]
    context: dict[str, object] = {
        "view": view,
        "dereferencing": found.dereferencing if found else None,
        "lasts": view.facts.state in LASTS and not view.lapsed,
        "unchecked": any(clock is None or clock.unchecked(today) for clock in clocks),
        "frees": [name for name in _FREES if name in allowed and _may_free(name, view)]
        if may(actor, "dereferencing.free")
        else [],
        "may_restore": found is not None and view.facts.ended_at is not None,
        "service_kinds": (AddresseeKind.SEARCH_ENGINE, AddresseeKind.DIRECTORY),
        "may_read": may(actor, "report.read"),
        **appeals.against(request, file.act),
        **addressees.offered(
            request,
            addressee=found.dereferencing.addressee if found else None,
            hosts=(),
            kinds=(Kind.SEARCH_ENGINE, Kind.DIRECTORY),
            page=reverse("desk:dereferencing", args=[file.act.id]),
        ),
        **lasting.letters(file, found.text if found else None),
    }
    return context, list(file.act.report_ids)


def _may_free(name: str, view: views.DereferencingView) -> bool:
    return name != "review" or view.facts.unreviewed


class _RecipientForm(acts.AddresseeForm):
    """Form of a recipient: its name, contact point and nature."""

    kind = Parsed(AddresseeKind, posted="nature", otherwise=AddresseeKind.SEARCH_ENGINE)


class _AddressesForm(PostedForm):
    """Form of the addresses to keep, and of the reasons."""

    targets = Several(posted="target")
    reasons = lines()


class _DereferencingsForm(PostedForm):
    """Form of drafts: codes of known search engines and directories, another one by its name."""

    services = Several(posted="service")
    other = text()
    reasons = lines()
    kind = Parsed(AddresseeKind, posted="nature", otherwise=AddresseeKind.SEARCH_ENGINE)


def _record(actor: Actor, act_id: UUID, transition: str, event: Event, now: datetime) -> object:
    return operations.record_dereferencing(
        actor=actor, act_id=act_id, transition=transition, event=event, now=now
    )


_KIND = lasting.Lasting(
    lifecycle=DEREFERENCING,
    listing=views.list_dereferencings,
    board="desk/dereferencings.html",
    rights=_RIGHTS,
    reasoned=REASONED,
    record=_record,
)


def _amend(request: HttpRequest, act_id: UUID) -> None:
    operations.amend_dereferencing(
        actor=actor_of(request),
        act_id=act_id,
        addressee=Addressee(**_RecipientForm(request).checked().cleaned_data),
        now=now_of(request),
        **_AddressesForm(request).checked().cleaned_data,
    )


def _parts(file: ActFile, lang: str) -> tuple[Part, ...]:
    return lasting.parts(read_dereferencing(file.content or b"").text, lang)


PAGES = acts.ActPages(
    lifecycle=DEREFERENCING,
    route="desk:dereferencing",
    template="desk/dereferencing.html",
    beside=_beside,
    amend=_amend,
    parts=_parts,
    mail=mail_of,
    take=partial(lasting.take, _KIND),
)


@require_POST
@needs("dereferencing.propose")
def draft_on_removal(request: HttpRequest, measure_id: UUID) -> HttpResponse:
    """Draft dereferencings from the page of a removal request; a refusal is shown on their list.

    Raises:
        Http404: no such removal request.
        Refused: the person may not propose dereferencings at the request's desk.
    """
    return _draft(request, REMOVAL, measure_id, removal_id=measure_id)


@require_POST
@needs("dereferencing.propose")
def draft_on_blocking(request: HttpRequest, blocking_id: UUID) -> HttpResponse:
    """Draft dereferencings from the page of a blocking, on its removal request.

    Raises:
        Http404: no such blocking.
        Refused: the person may not propose dereferencings at the blocking's desk.
    """
    removal_id = removals_of([blocking_id]).get(blocking_id, blocking_id)
    return _draft(request, BLOCKING, blocking_id, removal_id=removal_id)


def _draft(
    request: HttpRequest, basis: Lifecycle, act_id: UUID, *, removal_id: UUID
) -> HttpResponse:
    def propose() -> HttpResponse:
        asked = _DereferencingsForm(request).checked().cleaned_data
        found = operations.open_dereferencings(
            actor=actor_of(request),
            removal_id=removal_id,
            recipients=_recipients(asked["services"], asked["other"], asked["kind"]),
            reasons=asked["reasons"],
            now=now_of(request),
        )
        lasting.say_open_already(_KIND, request, found)
        if len(found) == 1:
            return redirect("desk:dereferencing", found[0])
        return redirect("desk:dereferencings")

    return lasting.draft(_KIND, request, (basis, act_id), propose)


def _recipients(codes: list[str], other: str, kind: AddresseeKind) -> list[Addressee]:
    known = {one.code: one for one in reference.load().entries(SearchService)}
    named = [
        Addressee(kind=AddresseeKind(known[code].value.category), name=known[code].label.fr)
        for code in codes
        if code in known
    ]
    return [*named, Addressee(kind=kind, name=other)]


@never_cache
@require_GET
@needs("dereferencing.read")
def board(request: HttpRequest) -> HttpResponse:
    """Show the list of dereferencings: awaiting a step of the reader, other open ones, newest ended ones."""
    return render(request, _KIND.board, lasting.board(_KIND, request))


@never_cache
@require_GET
@needs("dereferencing.free")
def restoration(request: HttpRequest, dereferencing_id: UUID) -> HttpResponse:
    """Send the file of the message that asks a recipient to list the addresses again; record the download.

    A refusal, such as for an act that has not ended, is shown on the act's page.

    Raises:
        Http404: no such act.
        Refused: the person lacks the right at the act's desk.
        DelayMissing: the reference data have no delay in force for one of the act's deadlines.
    """
    actor = actor_of(request)
    file = queries.get_act(actor=actor, lifecycle=DEREFERENCING, act_id=dereferencing_id)
    if file is None:
        raise Http404
    require_declared(request, Resource(desk_id=file.act.desk_id))
    try:
        mail, attached = operations.restoration_of(actor=actor, file=file, now=now_of(request))
    except Refusal as fault:
        return acts.refused(PAGES, request, dereferencing_id, reason_of(fault))
    consult(request, DEREFERENCING.kind, [dereferencing_id], reports=file.act.report_ids)
    answer = HttpResponse(message_of(mail, attached), content_type="message/rfc822")
    name = f"fanal-restoration-{dereferencing_id}.eml"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def waiting(request: HttpRequest) -> list[dict[str, object]]:
    """Return the template rows of the dereferencings that await a second person, the next due first.

    A row is that of `lasting.rows`: `view` (`DereferencingView`), `author` (name). The reading is recorded in
    the ledger.
    """
    states, asked = [DereferencingState.TO_SECOND], frozenset({"SECOND"})
    return lasting.waiting(_KIND, request, states=states, asked=asked)


def routes() -> list[URLPattern]:
    """Return the URL routes that only dereferencings have; `acts.pages.routes_of` gives the common ones."""
    return [
        path("dereferencings/", board, name="dereferencings"),
        path(
            "measures/<uuid:measure_id>/dereference/", draft_on_removal, name="measure-dereference"
        ),
        path(
            "blockings/<uuid:blocking_id>/dereference/",
            draft_on_blocking,
            name="blocking-dereference",
        ),
        path(
            "dereferencings/<uuid:dereferencing_id>/restoration/",
            restoration,
            name="dereferencing-restoration",
        ),
    ]
