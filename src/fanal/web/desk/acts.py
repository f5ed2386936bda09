"""Pages of official acts: what those of every kind have in common.

A kind gives an `ActPages`: its lifecycle, its template, what its page shows beside, and how its form amends.
"""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language, gettext as _

from fanal import reference
from fanal.accounts import queries as accounts
from fanal.accounts.domain.policy import Resource, may
from fanal.casework import operations, queries
from fanal.casework.domain.lifecycle import AMEND, APPROVE, REFUSE, Lifecycle
from fanal.casework.domain.records import ActFile, Event
from fanal.kernel.refusal import Refusal
from fanal.kernel.states import TransitionRefused
from fanal.web.account.actors import actor_of, now_of
from fanal.web.account.guarded import require_declared
from fanal.web.desk import history
from fanal.web.desk.measure_steps import event_of
from fanal.web.reading import consult

_OWN_FORMS = frozenset({AMEND, APPROVE, REFUSE})


@dataclass(frozen=True, slots=True, kw_only=True)
class ActPages:
    """What differs of the pages of a kind.

    `route` names the act's own page, whose one argument is its id. `beside` returns what its template shows
    of the act and of its document, and the reports whose people it names.
    """

    lifecycle: Lifecycle
    route: str
    template: str
    beside: Callable[[HttpRequest, ActFile], tuple[dict[str, object], list[UUID]]]


def show(pages: ActPages, request: HttpRequest, act_id: UUID) -> HttpResponse:
    """Show an act as it will leave, and what comes next."""
    return render(request, pages.template, _context(pages, request, act_id))


def take(pages: ActPages, request: HttpRequest, act_id: UUID) -> HttpResponse:
    """Record the transition that a form names, with its proof and its outcome."""

    def step() -> None:
        now = now_of(request)
        event = event_of(request, now=now)
        operations.take_step(
            actor=actor_of(request),
            lifecycle=pages.lifecycle,
            act_id=act_id,
            transition=request.POST.get("move", ""),
            event=Event(
                happened_at=event.happened_at,
                proof=event.proof,
                outcome=request.POST.get("outcome", ""),
            ),
            now=now,
        )

    return record(pages, request, act_id, step)


def record(
    pages: ActPages, request: HttpRequest, act_id: UUID, step: Callable[[], None]
) -> HttpResponse:
    """Do what a form asks of an act, and answer with its page: changed, or with why it is not."""
    found = queries.get_act(actor=actor_of(request), lifecycle=pages.lifecycle, act_id=act_id)
    if found is None:
        raise Http404
    require_declared(request, Resource(desk_id=found.act.desk_id))
    try:
        step()
    except Refusal as refused:
        said = reference.label(f"{refused.kind}_refusal", refused.code, get_language() or "fr")
    except TransitionRefused:
        said = _("The act has moved on since this page was made: read it again.")
    except ValueError:
        said = _("A date or a choice cannot be read.")
    else:
        messages.success(request, _("It is recorded."))
        return redirect(pages.route, act_id)
    context = _context(pages, request, act_id, said)
    return render(request, pages.template, context, status=HTTPStatus.CONFLICT)


def _context(
    pages: ActPages, request: HttpRequest, act_id: UUID, refused: str = ""
) -> dict[str, object]:
    actor, lifecycle = actor_of(request), pages.lifecycle
    found = queries.get_act(actor=actor, lifecycle=lifecycle, act_id=act_id)
    if found is None:
        raise Http404
    beside, reports = pages.beside(request, found)
    consult(request, lifecycle.kind, [act_id], reports=reports)
    names = accounts.person_names(
        person_ids={found.act.author_id} | {step.actor_id for step in found.steps}
    )
    allowed = [
        (transition, lifecycle.requirements[transition].proof)
        for transition in lifecycle.allowed(found.act.state)
        if may(actor, lifecycle.requirements[transition].right)
    ]
    return {
        "steps": [(step, names.get(step.actor_id, "")) for step in found.steps],
        "author": names.get(found.act.author_id, ""),
        "moves": [one for one in allowed if one[0] not in _OWN_FORMS],
        "may_amend": any(transition == AMEND for transition, _proof in allowed),
        "refused": refused,
        "history": history.lines_of(act_id, actor=actor),
        **beside,
    }
