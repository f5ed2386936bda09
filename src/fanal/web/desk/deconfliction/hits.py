"""Pages on matches with another organisation: shared identifier, reports, contact; badges elsewhere.

A match is an identifier that the desk and this organisation (a counterpart) both hold.
"""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from fanal.accounts.domain.policy import Refused, may
from fanal.accounts.queries.people import person_names
from fanal.accounts.routes import needs
from fanal.crosscheck.dossiers.queries import dossier_of
from fanal.deconfliction import queries
from fanal.deconfliction.domain.records import HIT, CounterpartHit, HitStep, Sign
from fanal.deconfliction.operations.hits import move_hit
from fanal.harmonise import queries as harmonised
from fanal.kernel.refusal import Refusal
from fanal.kernel.texts import alphabetical
from fanal.orient import queries as oriented
from fanal.web.account.actors import actor_of, now_of
from fanal.web.desk import history
from fanal.web.desk.queue.views import rows_of
from fanal.web.failures import reason_of
from fanal.web.reading import consult

_LISTED = 200
_BY_PEOPLE = ("contact", "close")


@never_cache
@require_GET
@needs("hit.read")
def listing(request: HttpRequest) -> HttpResponse:
    """Show the identifiers that another organisation holds too (matches), unhandled ones first.

    At most two hundred, of reports of the person's desks.
    """
    found = queries.list_hits(actor=actor_of(request), limit=_LISTED)
    reports = [report_id for hit in found for report_id in hit.report_ids]
    consult(request, "hit", [hit.id for hit in found], action="hit.list", reports=reports)
    selectors = harmonised.get_selectors(
        actor=actor_of(request), keys=[hit.key for hit in found if hit.key]
    )
    context = {
        "lines": [
            {"hit": hit, "selector": selectors.get(hit.key) if hit.key else None} for hit in found
        ],
    }
    return render(request, "deconfliction/hits.html", context)


@never_cache
@require_GET
@needs("hit.read")
def show(request: HttpRequest, hit_id: UUID) -> HttpResponse:
    """Show a match (identifier that another organisation holds too): contact there, reports here, steps.

    Raises:
        Http404: no such match at the person's desks.
    """
    return _page(request, _found(request, hit_id))


@require_POST
@needs("hit.move")
def move(request: HttpRequest, hit_id: UUID) -> HttpResponse:
    """Record a step on a match: contact with the other organisation, or its closing, with a note.

    A match is an identifier that both hold. Form fields: `move`, `words` (the note, which expires). A refusal
    is shown on the match's page (status 422).

    Raises:
        Http404: no such match at the person's desks.
    """
    found = _found(request, hit_id)
    try:
        move_hit(
            actor=actor_of(request),
            hit_id=found.id,
            move=request.POST.get("move", ""),
            words=request.POST.get("words", ""),
            now=now_of(request),
        )
    except Refused:
        raise Http404 from None
    except Refusal as refused:
        return _page(request, found, refused=refused)
    messages.success(request, _("Recorded."))
    return redirect("desk:hit", found.id)


def _found(request: HttpRequest, hit_id: UUID) -> CounterpartHit:
    found = queries.get_hit(actor=actor_of(request), hit_id=hit_id)
    if found is None:
        raise Http404
    return found


def _page(
    request: HttpRequest, found: CounterpartHit, *, refused: Refusal | None = None
) -> HttpResponse:
    actor = actor_of(request)
    own = list(found.report_ids)
    consult(request, "hit", [found.id], action="hit.read", reports=own)
    cases = oriented.get_cases(actor=actor, report_ids=own)
    keys = [found.key] if found.key else []
    selectors = harmonised.get_selectors(actor=actor, keys=keys)
    dossiers = {
        dossier
        for report_id in own
        if (dossier := dossier_of(actor=actor, report_id=report_id)) is not None
    }
    context = {
        "hit": found,
        "selector": next(iter(selectors.values()), None),
        "rows": rows_of([cases[i] for i in own if i in cases], actor=actor, now=now_of(request)),
        "dossiers": sorted(dossiers, key=str),
        "steps": _steps(queries.steps_of(actor=actor, hit_id=found.id)),
        "moves": [name for name in HIT.moves_from(found.state) if name in _BY_PEOPLE],
        "may_move": may(actor, "hit.move"),
        "history": history.lines_of(found.id, actor=actor),
        "typed": request.POST.get("words", ""),
        "refused": reason_of(refused),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK
    return render(request, "deconfliction/hit.html", context, status=status)


def _steps(steps: list[HitStep]) -> list[tuple[HitStep, str]]:
    names = person_names(person_ids={step.author_id for step in steps})
    return [(step, names.get(step.author_id, "")) for step in steps]


def signs_on(request: HttpRequest, report_ids: Sequence[UUID]) -> Mapping[UUID, list[Sign]]:
    """Return each report's matches with other organisations (badges), by report id; record the reading.

    They are sorted by organisation.
    """
    found = queries.signs_of(actor=actor_of(request), report_ids=report_ids)
    hits = {sign.hit_id for signs in found.values() for sign in signs}
    consult(request, "hit", sorted(hits), action="hit.read")
    return {report_id: by_body(signs) for report_id, signs in found.items()}


def by_body(signs: Iterable[Sign]) -> list[Sign]:
    """Return a report's matches (badges), sorted so that a page can name each organisation once."""
    return sorted(signs, key=lambda sign: (alphabetical(sign.counterpart), sign.state, sign.hit_id))
