"""Removal requests of all desks for the overseer: grounds, exact text and proofs, read-only."""

from collections.abc import Sequence
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language, gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from fanal import reference
from fanal.accounts.domain.policy import Refused, Resource, may
from fanal.accounts.queries.desks import desk_names
from fanal.accounts.queries.people import person_names
from fanal.accounts.routes import needs
from fanal.casework.operations.acts import ActUnknown as MeasureUnknown
from fanal.harmonise.openings import list_openings
from fanal.kernel.calendar import paris_day
from fanal.kernel.refusal import Refusal
from fanal.ledger import queries as ledger
from fanal.ledger.queries import prove_object
from fanal.measures import queries, queries as measures
from fanal.measures.appeal.views import appeals_against
from fanal.measures.domain.oversight import AnswerVerdict, Happening, RecommendationKind, Session
from fanal.measures.domain.records import ENDED, Measure, MeasureState
from fanal.measures.operations import oversight as overseeing
from fanal.measures.queries import MeasureFile
from fanal.orient import queries as oriented
from fanal.orient.domain.records import Decision
from fanal.reference import Offence
from fanal.web.account.actors import actor_of, now_of, require_declared
from fanal.web.forms import Parsed, PostedForm
from fanal.web.oversight import sessions
from fanal.web.reading import consult

PAGE = 50
SIZES = (10, 25, 50, 100)
RUNNING = (MeasureState.RECEIVED, MeasureState.SUSPENDED, MeasureState.EXPIRED)


@never_cache
@require_safe
@needs("measure.recommend")
def home(request: HttpRequest) -> HttpResponse:
    """Show the overseer's start page: removal requests by state, sessions, open recommendations."""
    actor = actor_of(request)
    counts = measures.count_by_state(actor=actor)
    running = measures.list_measures(actor=actor, states=RUNNING, limit=20)
    left = measures.list_left(actor=actor, limit=20)
    shown = [*running, *(measure for measure, _ in left)]
    consult(request, "measure", [m.id for m in shown], action="measure.list")
    context = {
        "counts": counts.items(),
        "total": sum(counts.values()),
        "left": left,
        "running": sorted(running, key=lambda m: m.legal_due_at or m.created_at),
        "waiting": measures.list_recommendations(actor=actor, waiting=True),
        "sessions": measures.list_sessions(actor=actor, limit=6),
        "openings": len(list_openings(actor=actor, unseen=True)),
        "sizes": SIZES,
    }
    return render(request, "oversight/home.html", context)


@never_cache
@require_safe
@needs("measure.recommend")
def listing(request: HttpRequest) -> HttpResponse:
    """List the removal requests of all desks, of one state if the query says so (`state`), page by page.

    The query's `after` is the last measure of the previous page.

    Raises:
        Http404: an unknown state, or a malformed `after`.
    """
    actor = actor_of(request)
    states, after = _states(request), _after(request)
    found = measures.list_measures(actor=actor, states=states, after=after, limit=PAGE + 1)
    rows, more = found[:PAGE], len(found) > PAGE
    consult(request, "measure", [m.id for m in rows], action="measure.list")
    counts = measures.count_by_state(actor=actor)
    context = {
        "rows": rows,
        "names": person_names(person_ids={m.proposer_id for m in rows}),
        "desks": desk_names(desk_ids={m.desk_id for m in rows}),
        "states": list(MeasureState),
        "chosen": states[0] if states else "",
        "total": sum(n for state, n in counts.items() if not states or state in states),
        "following": rows[-1].id if more else None,
        "first_page": after is None,
    }
    return render(request, "oversight/measures.html", context)


@never_cache
@require_safe
@needs("measure.recommend")
def show(request: HttpRequest, measure_id: UUID) -> HttpResponse:
    """Show a removal request with grounds and proofs; record it as seen in an open oversight session.

    Recorded only if the session's sample contains it.

    Raises:
        Http404: no such measure, or none that the actor may read.
    """
    return page(request, measure_id)


def page(
    request: HttpRequest, measure_id: UUID, *, refused: str = "", words: str = ""
) -> HttpResponse:
    """Return the page of a measure (a removal request), and record the reading in the ledger.

    If the person has an open oversight session whose sample contains the measure, the session also records
    it as seen. `refused` is the reason why a recommendation was refused (status 422), `words` its text, to
    be shown again.

    Raises:
        Http404: no such measure, or none that the actor may read.
    """
    actor = actor_of(request)
    found = measures.get_measure(actor=actor, measure_id=measure_id)
    if found is None:
        raise Http404
    consult(request, "measure", [measure_id], action="oversight.read")
    session = sessions.open_session(request)
    if session and measure_id in session.sample:
        sessions.mark(request, session.id, Happening.SEEN, measure_id=measure_id)
    proofs = prove_object(actor=actor, object_id=measure_id)
    entries = ledger.entries_of(actor=actor, object_id=measure_id)
    decision = oriented.decision_behind(actor=actor, decision_id=found.measure.decision_id)
    context = {
        "measure": found.measure,
        "asked": found.measure.request,
        "digest": found.measure.digest.hex(),
        "letter": found.letter.en if get_language() == "en" else found.letter.fr,
        "other_letter": found.letter.fr if get_language() == "en" else found.letter.en,
        "machine": found.letter.machine.decode(),
        "steps": found.steps,
        "appeals": appeals_against(
            actor=actor,
            report_id=found.measure.report_id,
            contested_ids={measure_id},
            now=now_of(request),
        ),
        "approvals": [(a, a.digest == found.measure.digest) for a in found.approvals],
        "names": _names(found, decision, entries),
        "decision": decision,
        "grounds": _grounds(found.measure, decision),
        "left": next((s for s in reversed(found.steps) if s.lapsed_at), None),
        "ground_gone": found.measure.state not in ENDED
        and not oriented.decision_stands(
            actor=actor,
            report_id=found.measure.report_id,
            decision_id=found.measure.decision_id,
        ),
        "entries": [(entry, proofs.states.get(entry.id)) for entry in reversed(entries)],
        "checkpoint": proofs.checkpoint,
        "recommendations": measures.recommendations_of(actor=actor, measure_id=measure_id),
        "kinds": list(RecommendationKind),
        "refused": refused,
        "words": words,
        "may_answer": may(actor, "measure.answer"),
        **_place(session, measure_id),
    }
    return render(request, "oversight/measure.html", context, status=422 if refused else 200)


def _place(session: Session | None, measure_id: UUID) -> dict[str, object]:
    """Return the template context of a removal request's place in the sample of an oversight session.

    Keys: `session`, `position` (from 1), `previous` and `next` (measure ids, None at the ends), `agreed` (the
    session recorded that there is no remark on it). Without a session that contains the measure, `session` is
    None.
    """
    if session is None or measure_id not in session.sample:
        return {"session": None}
    index = session.sample.index(measure_id)
    return {
        "session": session,
        "position": index + 1,
        "previous": session.sample[index - 1] if index else None,
        "next": session.sample[index + 1] if index + 1 < len(session.sample) else None,
        "agreed": measure_id in session.measures(Happening.AGREED),
    }


def _grounds(measure: Measure, decision: Decision | None) -> list[dict[str, object]]:
    """Return the legal texts behind a removal request: basis, offence, and those of the decision, each once.

    Keys: `code`, `entry_id`, `entry` (of the reference data, None if unknown), `label`, `unchecked`, `years`
    (longest prison term of an offence).
    """
    catalogue = reference.load()
    named = [(measure.request.basis, measure.request.basis_entry)]
    named.append((measure.request.offence, measure.request.offence_entry))
    named += [(b.code, b.entry_id) for b in decision.bases] if decision else []
    grounds: list[dict[str, object]] = []
    for code, entry_id in dict.fromkeys(named):
        entry = catalogue.by_entry_id(entry_id)
        grounds.append(
            {
                "code": code,
                "entry_id": entry_id,
                "entry": entry,
                "label": entry.label.of(get_language() or "fr") if entry else "",
                "unchecked": entry is None or entry.unchecked(paris_day(measure.created_at)),
                "years": entry.value.max_prison_years if isinstance(entry, Offence) else None,
            }
        )
    return grounds


def _names(
    found: MeasureFile, decision: Decision | None, entries: Sequence[object]
) -> dict[UUID, str]:
    people = {found.measure.proposer_id, found.measure.author_id}
    people |= {a.approver_id for a in found.approvals} | {s.actor_id for s in found.steps}
    people |= {e.actor_id for e in entries}  # type: ignore[attr-defined]
    if decision:
        people.add(decision.author_id)
    return person_names(person_ids=people)


def _states(request: HttpRequest) -> list[MeasureState]:
    asked = request.GET.get("state", "")
    if not asked:
        return []
    try:
        return [MeasureState(asked)]
    except ValueError:
        raise Http404 from None


def _after(request: HttpRequest) -> UUID | None:
    asked = request.GET.get("after", "")
    try:
        return UUID(asked) if asked else None
    except ValueError:
        raise Http404 from None


# Recommendations of the overseer on measures, and the desk's answers; neither text ever changes.


class _RecommendationForm(PostedForm):
    refuses = "measure"
    kind = Parsed(RecommendationKind, "NO_KIND")
    words = Parsed()


class _AnswerForm(PostedForm):
    refuses = "measure"
    verdict = Parsed(AnswerVerdict, "NO_VERDICT")
    words = Parsed()


@require_POST
@needs("measure.recommend")
def recommend(request: HttpRequest, measure_id: UUID) -> HttpResponse:
    """Record a recommendation to end or correct a removal request, then redirect to its page.

    The form's `kind` is END or CORRECT, `words` the text, which a refusal shows again (status 422).

    Raises:
        Http404: no such measure within the overseer's reach.
    """
    session, form = sessions.open_session(request), _RecommendationForm(request)
    try:
        overseeing.recommend(
            actor=actor_of(request),
            measure_id=measure_id,
            now=now_of(request),
            session_id=session.id if session and measure_id in session.sample else None,
            **form.checked().cleaned_data,
        )
    except Refusal as refusal:
        return page(request, measure_id, refused=refusal.code, words=str(form.typed["words"]))
    except MeasureUnknown:
        raise Http404 from None
    messages.success(request, _("The recommendation is recorded. The desk must answer it."))
    return redirect("oversight:measure", measure_id=measure_id)


@never_cache
@require_safe
@needs("measure.list")
def recommendations(request: HttpRequest) -> HttpResponse:
    """Show the overseer's recommendations on the removal requests within reach, unanswered ones first."""
    return _page(request)


@require_POST
@needs("measure.answer")
def answer(request: HttpRequest, recommendation_id: UUID) -> HttpResponse:
    """Record the desk's only answer to an overseer's recommendation, then redirect to the list.

    The form holds `verdict` (an `AnswerVerdict`) and `words`; a refused answer is shown again (status 422).

    Raises:
        Http404: no such recommendation.
        Refused: the person may not answer at its desk.
    """
    actor, form = actor_of(request), _AnswerForm(request)
    found = queries.get_recommendation(actor=actor, recommendation_id=recommendation_id)
    if found is None:
        raise Http404
    require_declared(request, Resource(desk_id=found.desk_id))
    try:
        overseeing.answer_recommendation(
            actor=actor,
            recommendation_id=recommendation_id,
            now=now_of(request),
            **form.checked().cleaned_data,
        )
    except (MeasureUnknown, Refused):
        raise Http404 from None
    except Refusal as refusal:
        words = str(form.typed["words"])
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
        "names": person_names(person_ids=people),
        "verdicts": list(AnswerVerdict),
        "may_answer": may(actor, "measure.answer"),
        "overseer": may(actor, "measure.recommend"),
        "refused": refused,
        "asked": asked,
        "words": words,
    }
    status = 422 if refused else 200
    return render(request, "oversight/recommendations.html", context, status=status)
