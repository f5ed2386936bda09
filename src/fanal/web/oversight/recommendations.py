"""Recommendations of the overseer on measures, and the desk's answers; neither text ever changes."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from fanal.accounts import queries as accounts
from fanal.accounts.domain.policy import Refused, Resource, may
from fanal.accounts.routes import needs
from fanal.kernel.refusal import Refusal
from fanal.measures import operations, queries
from fanal.measures.domain.oversight import AnswerVerdict, RecommendationKind
from fanal.web.account.actors import actor_of, now_of, require_declared
from fanal.web.oversight import measures, sessions
from fanal.web.reading import consult


@require_POST
@needs("measure.recommend")
def recommend(request: HttpRequest, measure_id: UUID) -> HttpResponse:
    """Record a recommendation to end or correct a measure; a refused one is shown again as typed."""
    session = sessions.open_session(request)
    words = request.POST.get("words", "")
    try:
        kind = RecommendationKind(request.POST.get("kind", ""))
        operations.recommend(
            actor=actor_of(request),
            measure_id=measure_id,
            kind=kind,
            words=words,
            now=now_of(request),
            session_id=session.id if session and measure_id in session.sample else None,
        )
    except ValueError:
        return measures.page(request, measure_id, refused="NO_KIND", words=words)
    except Refusal as refusal:
        return measures.page(request, measure_id, refused=refusal.code, words=words)
    except operations.MeasureUnknown:
        raise Http404 from None
    messages.success(request, _("The recommendation is recorded. The desk must answer it."))
    return redirect("oversight:measure", measure_id=measure_id)


@never_cache
@require_safe
@needs("measure.list")
def listing(request: HttpRequest) -> HttpResponse:
    """Show the recommendations on the measures within reach, unanswered ones first."""
    return _page(request)


@require_POST
@needs("measure.answer")
def answer(request: HttpRequest, recommendation_id: UUID) -> HttpResponse:
    """Record the single answer to a recommendation."""
    actor, words = actor_of(request), request.POST.get("words", "")
    found = queries.get_recommendation(actor=actor, recommendation_id=recommendation_id)
    if found is None:
        raise Http404
    require_declared(request, Resource(desk_id=found.desk_id))
    try:
        operations.answer_recommendation(
            actor=actor,
            recommendation_id=recommendation_id,
            verdict=AnswerVerdict(request.POST.get("verdict", "")),
            words=words,
            now=now_of(request),
        )
    except (operations.MeasureUnknown, Refused):
        raise Http404 from None
    except ValueError:
        return _page(request, refused="NO_VERDICT", asked=recommendation_id, words=words)
    except Refusal as refusal:
        return _page(request, refused=refusal.code, asked=recommendation_id, words=words)
    messages.success(request, _("The answer is recorded."))
    return redirect("oversight:recommendations")


def _page(
    request: HttpRequest, *, refused: str = "", asked: UUID | None = None, words: str = ""
) -> HttpResponse:
    actor = actor_of(request)
    found = queries.list_recommendations(actor=actor)
    consult(request, "measure", [r.measure_id for r in found], action="measure.list")
    people = {r.overseer_id for r in found} | {r.answer.person_id for r in found if r.answer}
    context = {
        "waiting": sorted((r for r in found if r.answer is None), key=lambda r: r.due_at),
        "answered": [r for r in found if r.answer is not None],
        "names": accounts.person_names(person_ids=people),
        "verdicts": list(AnswerVerdict),
        "may_answer": may(actor, "measure.answer"),
        "overseer": may(actor, "measure.recommend"),
        "refused": refused,
        "asked": asked,
        "words": words,
    }
    status = 422 if refused else 200
    return render(request, "oversight/recommendations.html", context, status=status)
