"""Referrals: the list, and one with its text, its addressee and its steps."""

from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language, gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from fanal import reference
from fanal.accounts import queries as accounts
from fanal.accounts.domain.policy import Resource, may
from fanal.accounts.routes import needs
from fanal.casework import operations as casework
from fanal.casework.domain.records import Event
from fanal.judicial import operations, queries
from fanal.judicial.domain.kinds import REFERRAL
from fanal.judicial.domain.records import Outcome
from fanal.judicial.domain.states import REFERRAL_STATES, ReferralState
from fanal.kernel.calendar import paris_day
from fanal.kernel.refusal import Refusal
from fanal.kernel.states import TransitionRefused
from fanal.orient import queries as oriented
from fanal.reference import Body
from fanal.web.account.actors import actor_of, now_of
from fanal.web.account.guarded import require_declared
from fanal.web.desk import history
from fanal.web.desk.measure_steps import event_of
from fanal.web.reading import consult

_LISTED = 100
_OPEN = tuple(s for s in ReferralState if s not in REFERRAL_STATES.final)


@never_cache
@require_GET
@needs("referral.read")
def referrals(request: HttpRequest) -> HttpResponse:
    """Show the referrals that are open, or all; the oldest first."""
    actor = actor_of(request)
    everything = request.GET.get("all") == "1"
    found = queries.list_referrals(actor=actor, states=() if everything else _OPEN, limit=_LISTED)
    consult(request, "referral", [r.id for r in found], action="referral.list")
    names = accounts.person_names(person_ids={r.author_id for r in found})
    context = {
        "referrals": [(r, names.get(r.author_id, "")) for r in found],
        "everything": everything,
        "full": len(found) == _LISTED,
    }
    return render(request, "desk/referrals.html", context)


@never_cache
@require_GET
@needs("referral.read")
def show(request: HttpRequest, referral_id: UUID) -> HttpResponse:
    """Show a referral: its text in both languages, and what comes next."""
    return render(request, "desk/referral.html", _page(request, referral_id))


@require_POST
@needs("referral.write")
def amend(request: HttpRequest, referral_id: UUID) -> HttpResponse:
    """Change the addressee and the account of facts of a referral that was not sent."""
    _known(request, referral_id)
    try:
        operations.amend_referral(
            actor=actor_of(request),
            referral_id=referral_id,
            body=request.POST.get("body", ""),
            summary=request.POST.get("summary", "").replace("\r\n", "\n"),
            now=now_of(request),
        )
    except Refusal as refused:
        return _say(request, referral_id, _words(refused.code))
    except TransitionRefused:
        return _say(request, referral_id, _moved_on())
    messages.success(request, _("It is recorded."))
    return redirect("desk:referral", referral_id=referral_id)


@require_POST
@needs("referral.write")
def move(request: HttpRequest, referral_id: UUID) -> HttpResponse:
    """Record a move of a referral, with its proof."""
    _known(request, referral_id)
    now = now_of(request)
    try:
        event = event_of(request, now=now)
        casework.take_step(
            actor=actor_of(request),
            lifecycle=REFERRAL,
            act_id=referral_id,
            transition=request.POST.get("move", ""),
            event=Event(
                happened_at=event.happened_at,
                proof=event.proof,
                outcome=request.POST.get("outcome", ""),
            ),
            now=now,
        )
    except Refusal as refused:
        return _say(request, referral_id, _words(refused.code))
    except TransitionRefused:
        return _say(request, referral_id, _moved_on())
    except ValueError:
        return _say(request, referral_id, _("A date or a choice cannot be read."))
    messages.success(request, _("It is recorded."))
    return redirect("desk:referral", referral_id=referral_id)


def _page(request: HttpRequest, referral_id: UUID, refused: str = "") -> dict[str, object]:
    actor, now = actor_of(request), now_of(request)
    found = queries.get_referral(actor=actor, referral_id=referral_id)
    if found is None:
        raise Http404
    referral = found.referral
    consult(request, "referral", [referral_id], reports=[referral.report_id])
    names = accounts.person_names(
        person_ids={referral.author_id} | {s.actor_id for s in found.steps}
    )
    allowed = REFERRAL_STATES.moves_from(referral.state) if may(actor, "referral.write") else ()
    english = get_language() == "en"
    return {
        "referral": referral,
        "summary": found.summary,
        "text_first": found.text_en if english else found.text_fr,
        "text_other": found.text_fr if english else found.text_en,
        "expired": found.facts is None,
        "steps": [(step, names.get(step.actor_id, "")) for step in found.steps],
        "author": names.get(referral.author_id, ""),
        "moves": [(m, REFERRAL.requirements[m].proof) for m in allowed if m != "amend"],
        "may_amend": "amend" in allowed,
        "may_close": "close" in allowed,
        "bodies": [b.code for b in reference.load().in_force(Body, paris_day(now))],
        "outcomes": list(Outcome),
        "ground_gone": referral.state not in REFERRAL_STATES.final
        and not oriented.decision_stands(
            actor=actor, report_id=referral.report_id, decision_id=referral.decision_id
        ),
        "refused": refused,
        "history": history.lines_of(referral_id, actor=actor),
    }


def _known(request: HttpRequest, referral_id: UUID) -> None:
    found = queries.get_referral(actor=actor_of(request), referral_id=referral_id)
    if found is None:
        raise Http404
    require_declared(request, Resource(desk_id=found.referral.desk_id))


def _say(request: HttpRequest, referral_id: UUID, words: str) -> HttpResponse:
    context = _page(request, referral_id, words)
    return render(request, "desk/referral.html", context, status=HTTPStatus.CONFLICT)


def _words(code: str) -> str:
    return reference.label("referral_refusal", code, get_language() or "fr")


def _moved_on() -> str:
    return _("The referral has moved on since this page was made: read it again.")
