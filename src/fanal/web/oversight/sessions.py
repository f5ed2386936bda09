"""Sessions of oversight: a reproducible random sample of measures, and the record of its review."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from fanal.accounts.routes import needs
from fanal.measures import operations, queries
from fanal.measures.domain.oversight import (
    PAUSE_AFTER,
    Happening,
    MeasureLikeness,
    RecommendationKind,
    Session,
    pause_due,
    reading_since,
)
from fanal.web.account.actors import actor_of, now_of
from fanal.web.oversight import groups
from fanal.web.reading import consult

_BY_HAND = frozenset({Happening.AGREED, Happening.PAUSED, Happening.RESUMED, Happening.ENDED})


def open_session(request: HttpRequest) -> Session | None:
    """Return the person's newest session that has not ended, or None."""
    found = queries.list_sessions(actor=actor_of(request), limit=1)
    return found[0] if found and found[0].ended_at is None else None


def mark(
    request: HttpRequest, session_id: UUID, what: Happening, *, measure_id: UUID | None = None
) -> None:
    """Add an event to the record of an oversight session; on a measure, the same event only once.

    Raises:
        Http404: the session is another person's, has ended, or does not hold the measure.
    """
    try:
        operations.note_in_session(
            actor=actor_of(request),
            session_id=session_id,
            what=what,
            measure_id=measure_id,
            now=now_of(request),
        )
    except (operations.SessionUnknown, operations.MeasureUnknown):
        raise Http404 from None


@require_POST
@needs("measure.recommend")
def start(request: HttpRequest) -> HttpResponse:
    """Draw a random sample of measures and open an oversight session, or return to the open one."""
    running = open_session(request)
    if running is not None:
        return redirect("oversight:session", session_id=running.id)
    try:
        size = int(request.POST.get("size", ""))
        session_id = operations.start_session(
            actor=actor_of(request), size=size, now=now_of(request)
        )
    except ValueError:
        messages.error(request, _("Choose how many measures to draw, five hundred at most."))
        return redirect("oversight:home")
    return redirect("oversight:session", session_id=session_id)


@never_cache
@require_safe
@needs("measure.recommend")
def show(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Show a session: sample, method of the draw, progress, and when a pause is due."""
    actor, now = actor_of(request), now_of(request)
    session = queries.get_session(actor=actor, session_id=session_id)
    if session is None:
        raise Http404
    consult(request, "measure", session.sample, action="measure.list")
    found = queries.list_by_ids(actor=actor, measure_ids=session.sample)
    seen, agreed = session.measures(Happening.SEEN), session.measures(Happening.AGREED)
    told = session.measures(Happening.RECOMMENDED)
    despite = queries.seconded_despite(actor=actor, measure_ids=session.sample)
    rows = [
        groups.SampledMeasure(
            measure=found[measure_id],
            number=number,
            seen=measure_id in seen,
            agreed=measure_id in agreed,
            told=measure_id in told,
            warned=measure_id in despite,
        )
        for number, measure_id in enumerate(session.sample, start=1)
        if measure_id in found
    ]
    alike = groups.alike_of(request.GET.get("by", ""))
    gathered, alone = groups.groups_of(rows, alike)
    context = {
        "session": session,
        "rows": rows,
        "alike": alike,
        "likenesses": list(MeasureLikeness),
        "groups": gathered,
        "alone": alone,
        "kinds": list(RecommendationKind),
        "may_judge": session.ended_at is None and not session.paused,
        "seen": len(seen),
        "agreed": len(agreed),
        "told": len(told),
        "exposure": sum(row.addresses for row in rows if row.seen),
        "pause_due": pause_due(session, now=now),
        "pause_at": reading_since(session) + PAUSE_AFTER,
        "minutes": int(PAUSE_AFTER.total_seconds() // 60),
        "following": next((row.measure for row in rows if not row.seen), None),
    }
    return render(request, "oversight/session.html", context)


@require_POST
@needs("measure.recommend")
def note(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Record an event in an oversight session: no remark on a measure, pause, resume, end."""
    try:
        what = Happening(request.POST.get("what", ""))
        measure_id = UUID(request.POST["measure"]) if what is Happening.AGREED else None
    except (ValueError, KeyError):
        raise Http404 from None
    if what not in _BY_HAND:
        raise Http404
    mark(request, session_id, what, measure_id=measure_id)
    if what is Happening.AGREED and (following := request.POST.get("next", "")):
        try:
            return redirect("oversight:measure", measure_id=UUID(following))
        except ValueError:
            raise Http404 from None
    return redirect("oversight:session", session_id=session_id)
