"""Blockings by access providers (an official act; LCEN, article 6-1): draft, board, page, steps."""

from collections.abc import Sequence
from http import HTTPStatus
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from fanal import reference
from fanal.accounts.domain.policy import Resource, may
from fanal.accounts.queries.people import person_names
from fanal.accounts.routes import needs
from fanal.casework import queries
from fanal.casework.domain.documents import Part, parts_of
from fanal.casework.domain.records import ActFile, Event
from fanal.casework.operations.locking import hold_shown
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import paris_day
from fanal.kernel.refusal import Refusal
from fanal.kernel.states import TransitionRefused
from fanal.measures.blocking import acts as operations, register, views
from fanal.measures.blocking.document import Ground, Mentions, read_blocking
from fanal.measures.blocking.kind import BLOCKING, BLOCKS, REASONED, STATES, BlockingState
from fanal.measures.blocking.names import check_written, protections_of
from fanal.measures.removal.kind import REMOVAL
from fanal.web.account.actors import actor_of, now_of, require_declared
from fanal.web.desk.acts import pages as acts
from fanal.web.failures import reason_of
from fanal.web.forms import Parsed, PostedForm, lines, text
from fanal.web.reading import consult

_MENTIONS = Mentions.__struct_fields__
_FREES = ("free", "review")
_RIGHTS = {
    "PROPOSER": "blocking.propose",
    "SECOND": "blocking.approve",
    "THIRD": "blocking.vouch",
    "OFFICER": "blocking.record",
    "REVIEWER": "blocking.free",
    "SUPERVISOR": "blocking.vouch",
}
"""The policy action of those who are asked for the next step (label kind `blocking_asked`)."""
_ENDED = 50
"""Ended blockings on the board, the newest; all open ones are shown."""


def _beside(request: HttpRequest, file: ActFile) -> tuple[dict[str, object], list[UUID]]:
    """Return the template context that only a blocking has, and its reports."""
    actor, now = actor_of(request), now_of(request)
    view = views.view_of(actor=actor, act=file.act, now=now)
    found = None if file.content is None else read_blocking(file.content)
    texts = (found.text.fr, found.text.en) if found else ("", "")
    english, blocks = get_language() == "en", view.facts.state in BLOCKS and not view.lapsed
    allowed = BLOCKING.allowed(file.act.state)
    context: dict[str, object] = {
        "view": view,
        "blocking": found.blocking if found else None,
        "letter_first": texts[english],
        "letter_other": texts[not english],
        "machine": (file.content or b"").decode(),
        "blocks": blocks,
        "others": views.still_blocked(actor=actor, view=view, now=now) if blocks else (),
        "blocked_elsewhere": blocks
        and register.is_blocked_elsewhere(actor=actor, view=view, now=now),
        "protections": _protections(view, request) if view.facts.protected else (),
        "mentions": [(name, getattr(found.blocking.mentions, name)) for name in _MENTIONS]
        if found and found.blocking.ground is Ground.NO_MENTIONS
        else [],
        "may_vouch": may(actor, "blocking.vouch") and "vouch" in allowed and view.facts.protected,
        "frees": next((name for name in _FREES if name in allowed), "")
        if may(actor, "blocking.free")
        else "",
        "third": next((s for s in reversed(file.steps) if s.transition == "vouch"), None),
        "may_read": may(actor, "report.read"),
    }
    return context, list(file.act.report_ids)


def _protections(view: views.BlockingView, request: HttpRequest) -> Sequence[object]:
    (host,) = check_written([view.host])
    return protections_of(host, catalogue=reference.load(), on=paris_day(now_of(request)))


class _BlockingStepForm(acts.EventForm):
    """Form of a step of a blocking: its transition, event, reason and outcome."""

    transition = Parsed(posted="move")
    outcome = Parsed()
    reason = text()


class _MentionsForm(PostedForm):
    """Form of the checklist of the legal mentions: for each, the capture that proves its absence."""

    identity = text()
    seat = text()
    phone = text()
    director = text()
    host = text()


class _ReasonsForm(PostedForm):
    """Form of the reasons of a blocking."""

    reasons = lines()


class _DraftForm(_ReasonsForm):
    """Form of the draft of a blocking: the host name, its ground and reasons."""

    name = text(posted="blocked")
    ground = Parsed(Ground, otherwise=Ground.UNEXECUTED)


def _take(pages: acts.ActPages, request: HttpRequest, blocking_id: UUID) -> HttpResponse:
    """Record the step of a blocking that the form names; a refusal is shown on its page."""

    def step() -> None:
        named = _BlockingStepForm(request, kind=BLOCKING.kind).checked().cleaned_data
        transition = named.pop("transition")
        if transition not in REASONED:
            named["reason"] = ""
        operations.record_blocking(
            actor=actor_of(request),
            blocking_id=blocking_id,
            transition=transition,
            event=Event(**named),
            now=now_of(request),
        )

    return acts.record(pages, request, blocking_id, step)


def _amend(request: HttpRequest, blocking_id: UUID) -> None:
    operations.amend_blocking(
        actor=actor_of(request),
        blocking_id=blocking_id,
        mentions=Mentions(**_MentionsForm(request).checked().cleaned_data),
        now=now_of(request),
        **_ReasonsForm(request).checked().cleaned_data,
    )


def _parts(file: ActFile, lang: str) -> tuple[Part, ...]:
    written = read_blocking(file.content or b"").text
    return parts_of(written.en if lang == "en" else written.fr)


PAGES = acts.ActPages(
    lifecycle=BLOCKING,
    route="desk:blocking",
    template="desk/blocking.html",
    beside=_beside,
    amend=_amend,
    parts=_parts,
    take=_take,
)


@require_POST
@needs("blocking.propose")
def draft(request: HttpRequest, measure_id: UUID) -> HttpResponse:
    """Draft a blocking on a removal request and show it; a refusal is shown on the board.

    Raises:
        Http404: no such removal request.
    """
    actor = actor_of(request)
    found = queries.get_act(actor=actor, lifecycle=REMOVAL, act_id=measure_id)
    if found is None:
        raise Http404
    require_declared(request, Resource(desk_id=found.act.desk_id))
    shown = acts.shown_in(request)
    try:
        with hold_shown(actor=actor, lifecycle=REMOVAL, act_id=measure_id, shown=shown):
            blocking_id = operations.open_blocking(
                actor=actor,
                removal_id=measure_id,
                mentions=Mentions(**_MentionsForm(request).checked().cleaned_data),
                now=now_of(request),
                **_DraftForm(request).checked().cleaned_data,
            )
    except (Refusal, TransitionRefused) as fault:
        said = reason_of(fault) if isinstance(fault, Refusal) else acts.moved_on()
        context = _board(request) | {"refused": said, "measure_id": measure_id}
        return render(request, "desk/blockings.html", context, status=HTTPStatus.CONFLICT)
    return redirect("desk:blocking", blocking_id)


@never_cache
@require_GET
@needs("blocking.read")
def board(request: HttpRequest) -> HttpResponse:
    """Show the blockings: those asked of the reader, the other open ones, the newest ended ones."""
    return render(request, "desk/blockings.html", _board(request))


def waiting(request: HttpRequest) -> list[dict[str, object]]:
    """Return the rows of the blockings that await a second or a third person, the next due first."""
    states = [BlockingState.TO_SECOND, BlockingState.APPROVED]
    found = views.list_blockings(actor=actor_of(request), states=states, now=now_of(request))
    return _rows(request, [one for one in found if one.asked in {"SECOND", "THIRD"}])


def _board(request: HttpRequest) -> dict[str, object]:
    actor, now = actor_of(request), now_of(request)
    known = {STATES.initial, *(one.target for one in STATES.transitions)}
    opened = views.list_blockings(actor=actor, states=sorted(known - STATES.final), now=now)
    ended = views.list_blockings(actor=actor, states=sorted(STATES.final), now=now)[-_ENDED:]
    return {
        "own": _rows(request, [one for one in opened if _is_asked(one, actor)]),
        "opened": _rows(request, [one for one in opened if not _is_asked(one, actor)]),
        "ended": _rows(request, tuple(reversed(ended))),
        "late": sum(one.late for one in opened),
    }


def _is_asked(view: views.BlockingView, actor: Actor) -> bool:
    """Return whether the next step of a blocking is asked of the reader, among others."""
    right = _RIGHTS.get(view.asked, "")
    if not right or not may(actor, right):
        return False
    return (view.asked == "PROPOSER") is (view.act.author_id == actor.person_id) or (
        view.asked not in {"PROPOSER", "SECOND", "THIRD"}
    )


def _rows(request: HttpRequest, found: Sequence[views.BlockingView]) -> list[dict[str, object]]:
    """Return the template rows of blockings; the reading is recorded in the ledger first."""
    consult(request, "blocking", [one.act.id for one in found], action="blocking.list")
    names = person_names(person_ids={one.act.author_id for one in found})
    return [{"view": one, "author": names.get(one.act.author_id, "")} for one in found]
