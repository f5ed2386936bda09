"""Pages on blockings of mirrors (an official act; LCEN, article 6-4): draft, list, act, steps."""

from datetime import datetime
from functools import partial
from http import HTTPStatus
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from fanal.accounts.domain.policy import Resource, may
from fanal.accounts.routes import needs
from fanal.casework.domain.documents import Part
from fanal.casework.domain.records import ActFile, Event
from fanal.harmonise import queries as harmonised
from fanal.kernel.actors import Actor
from fanal.kernel.refusal import Refusal
from fanal.measures.blocking import register, views
from fanal.measures.blocking.kind import BLOCKS, REASONED
from fanal.measures.blocking.mirrors import acts as operations, near
from fanal.measures.blocking.mirrors.document import CourtDecision, read_mirror
from fanal.measures.blocking.mirrors.kind import MIRROR
from fanal.orient import queries as oriented
from fanal.web.account.actors import actor_of, now_of, require_declared
from fanal.web.desk.acts import blockings, lasting, pages as acts
from fanal.web.failures import reason_of
from fanal.web.forms import PostedForm, lines, text
from fanal.web.reading import consult

_FILES = ("enforce", "compare")
"""Transitions of a draft that file a document: the court's decision, the evidence of the resemblance."""
_BUTTONS = ("submit", "withdraw")


def _beside(request: HttpRequest, file: ActFile) -> tuple[dict[str, object], list[UUID]]:
    """Return the additional template context of a mirror's page, and the ids of its reports."""
    actor, now = actor_of(request), now_of(request)
    view = views.view_of(actor=actor, act=file.act, now=now)
    found = None if file.content is None else read_mirror(file.content)
    allowed = MIRROR.allowed(file.act.state)
    listed = view.facts.listed_at is not None
    ends = view.facts.decision_ends_at
    context: dict[str, object] = {
        **blockings.shared(request, view, allowed=allowed, file=file),
        "mirror": found.mirror if found else None,
        "blocks": view.facts.state in BLOCKS and not view.lapsed,
        "decision_ended": ends is not None and now >= ends,
        "open_near": near.open_near(actor=actor, act_id=file.act.id),
        "ends_near": near.ends_near(actor=actor, act_id=file.act.id),
        "others": views.still_blocked(actor=actor, view=view, now=now) if listed else (),
        "blocked_elsewhere": listed
        and register.is_blocked_elsewhere(actor=actor, view=view, now=now),
        "buttons": [name for name in _BUTTONS if name in allowed and may(actor, MIRROR.proposes)],
        "filings": [name for name in _FILES if name in allowed and may(actor, MIRROR.proposes)],
        "filed": {step.transition for step in file.steps},
        **lasting.letters(file, found.text if found else None),
    }
    return context, list(file.act.report_ids)


class _DecisionForm(PostedForm):
    """Form of a court's decision: court and number, the service that it condemns, its days."""

    court = text()
    number = text()
    service = text()
    ruled_on = text()
    enforceable_on = text()
    ends_on = text()


class _ReasonsForm(PostedForm):
    """Form of the reasons why the site is a mirror: what it takes over from the condemned service."""

    reasons = lines()


class _NameForm(PostedForm):
    """Form of the name of a mirror."""

    name = text(posted="blocked")


def _decision(request: HttpRequest) -> CourtDecision:
    return CourtDecision(**_DecisionForm(request).checked().cleaned_data)


def _record(actor: Actor, act_id: UUID, transition: str, event: Event, now: datetime) -> object:
    return operations.record_mirror(
        actor=actor, act_id=act_id, transition=transition, event=event, now=now
    )


_KIND = lasting.Lasting(
    lifecycle=MIRROR,
    listing=partial(views.list_blockings, lifecycle=MIRROR),
    board="desk/mirrors.html",
    rights=blockings.RIGHTS,
    reasoned=REASONED,
    record=_record,
)


def _amend(request: HttpRequest, act_id: UUID) -> None:
    operations.amend_mirror(
        actor=actor_of(request),
        act_id=act_id,
        decision=_decision(request),
        now=now_of(request),
        **_ReasonsForm(request).checked().cleaned_data,
    )


def _parts(file: ActFile, lang: str) -> tuple[Part, ...]:
    return lasting.parts(read_mirror(file.content or b"").text, lang)


PAGES = acts.ActPages(
    lifecycle=MIRROR,
    route="desk:mirror",
    template="desk/mirror.html",
    beside=_beside,
    amend=_amend,
    parts=_parts,
    take=partial(lasting.take, _KIND),
    approving=operations.check_approval,
)


@never_cache
@require_http_methods(["GET", "POST"])
@needs("blocking.propose")
def draft(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Show the form that drafts the blocking of a mirror named by a report, or draft it and show it.

    A refusal is shown above the form (status 409).

    Raises:
        Http404: no such report, or it has not been harmonised and oriented yet.
        Refused: the person may not propose blockings at the report's desk.
    """
    actor = actor_of(request)
    case = oriented.get_case(actor=actor, report_id=report_id)
    record = harmonised.get_records(actor=actor, report_ids=[report_id]).get(report_id)
    if case is None or record is None:
        raise Http404
    require_declared(request, Resource(desk_id=case.desk_id))
    hosts = sorted({one.host for one in record.urls if one.host})
    said, status = "", HTTPStatus.OK
    if request.method == "POST":
        try:
            act_id = operations.open_mirror(
                actor=actor,
                report_id=report_id,
                hosts=hosts,
                decision=_decision(request),
                now=now_of(request),
                **_NameForm(request).checked().cleaned_data,
                **_ReasonsForm(request).checked().cleaned_data,
            )
        except Refusal as fault:
            said, status = reason_of(fault), HTTPStatus.CONFLICT
        else:
            lasting.say_open_already(_KIND, request, [act_id])
            return redirect("desk:mirror", act_id)
    consult(request, "report", [report_id])
    context = {
        "report_id": report_id,
        "hosts": hosts,
        "first": hosts[0] if hosts else "",
        "refused": said,
        "mirror": {"decision": CourtDecision(), "reasons": ""},
    }
    return render(request, "desk/mirror/draft.html", context, status=status)


@never_cache
@require_GET
@needs("blocking.read")
def board(request: HttpRequest) -> HttpResponse:
    """Show the list of mirrors: awaiting a step of the reader, other open ones, the newest ended ones."""
    return render(request, _KIND.board, lasting.board(_KIND, request))


waiting = partial(blockings.waiting, kind=_KIND)
"""Returns the template rows of the mirrors that await approval by another person: see `blockings.waiting`."""


def routes() -> list[URLPattern]:
    """Return the URL routes that only mirrors have; `acts.pages.routes_of` gives the common ones."""
    return [
        path("mirrors/", board, name="mirrors"),
        path("reports/<uuid:report_id>/mirror/", draft, name="mirror-draft"),
    ]
