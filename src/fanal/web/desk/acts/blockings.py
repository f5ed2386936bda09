"""Pages on blockings by access providers (an official act; LCEN, article 6-1): draft, list, act, steps."""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from fanal import reference
from fanal.accounts.domain.policy import may
from fanal.accounts.routes import needs
from fanal.casework.domain.documents import Part
from fanal.casework.domain.records import ActFile, Event
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import paris_day
from fanal.measures.blocking import acts as operations, register, views
from fanal.measures.blocking.document import Ground, Mentions, read_blocking
from fanal.measures.blocking.kind import BLOCKING, BLOCKS, REASONED, BlockingState
from fanal.measures.blocking.names import check_written, protections_of
from fanal.measures.removal.kind import REMOVAL
from fanal.web.account.actors import actor_of, now_of
from fanal.web.desk.acts import appeals, dereferencings, lasting, pages as acts
from fanal.web.forms import Parsed, PostedForm, lines, text

_MENTIONS = Mentions.__struct_fields__
_FREES = ("free", "review")
RIGHTS = {
    "PROPOSER": "blocking.propose",
    "SECOND": "blocking.approve",
    "THIRD": "blocking.vouch",
    "OFFICER": "blocking.record",
    "REVIEWER": "blocking.free",
    "SUPERVISOR": "blocking.vouch",
}
"""The policy action of those who are asked for the next step (label kind `blocking_asked`)."""


def _beside(request: HttpRequest, file: ActFile) -> tuple[dict[str, object], list[UUID]]:
    """Return the additional template context of a blocking's page, and the ids of its reports."""
    actor, now = actor_of(request), now_of(request)
    view = views.view_of(actor=actor, act=file.act, now=now)
    found = None if file.content is None else read_blocking(file.content)
    blocks = view.facts.state in BLOCKS and not view.lapsed
    listed = view.facts.listed_at is not None
    allowed = BLOCKING.allowed(file.act.state)
    context: dict[str, object] = {
        **shared(request, view, allowed=allowed, file=file),
        "blocking": found.blocking if found else None,
        "blocks": blocks,
        "others": views.still_blocked(actor=actor, view=view, now=now) if listed else (),
        "blocked_elsewhere": listed
        and register.is_blocked_elsewhere(actor=actor, view=view, now=now),
        "mentions": [(name, getattr(found.blocking.mentions, name)) for name in _MENTIONS]
        if found and found.blocking.ground is Ground.NO_MENTIONS
        else [],
        **dereferencings.offered(
            request,
            removal_id=view.removal_id or file.act.id,
            report_id=file.act.subject_id,
            bears=bool(allowed),
        ),
        **appeals.against(request, file.act),
        **lasting.letters(file, found.text if found else None),
    }
    return context, list(file.act.report_ids)


def shared(
    request: HttpRequest, view: views.BlockingView, *, allowed: Collection[str], file: ActFile
) -> dict[str, object]:
    """Return the part of a page's template context that blockings and mirrors share.

    `allowed` are the transitions that the state allows. Keys: `view`, `protections` (entries of the reference
    data that protect the host name), `may_vouch` (the reader may approve as third person), `frees` (the
    reader's next step to take the name off the list, `free`, or to review that, `review`; "" if neither),
    `vouch_route` and `free_route` (URL names), `third` (the last approval by a third person, or None),
    `may_read` (the reader may read reports).
    """
    actor, kind = actor_of(request), view.act.kind
    return {
        "view": view,
        "protections": _protections(view, request) if view.facts.protected else (),
        "may_vouch": may(actor, "blocking.vouch") and "vouch" in allowed and view.facts.protected,
        "frees": next((name for name in _FREES if name in allowed), "")
        if may(actor, "blocking.free")
        else "",
        "vouch_route": f"desk:{kind}-vouch",
        "free_route": f"desk:{kind}-free",
        "third": next((s for s in reversed(file.steps) if s.transition == "vouch"), None),
        "may_read": may(actor, "report.read"),
    }


def _protections(view: views.BlockingView, request: HttpRequest) -> Sequence[object]:
    (host,) = check_written([view.host])
    return protections_of(host, catalogue=reference.load(), on=paris_day(now_of(request)))


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


def _record(
    actor: Actor, blocking_id: UUID, transition: str, event: Event, now: datetime
) -> object:
    return operations.record_blocking(
        actor=actor, blocking_id=blocking_id, transition=transition, event=event, now=now
    )


_KIND = lasting.Lasting(
    lifecycle=BLOCKING,
    listing=views.list_blockings,
    board="desk/blockings.html",
    rights=RIGHTS,
    reasoned=REASONED,
    record=_record,
)


def _amend(request: HttpRequest, blocking_id: UUID) -> None:
    operations.amend_blocking(
        actor=actor_of(request),
        blocking_id=blocking_id,
        mentions=Mentions(**_MentionsForm(request).checked().cleaned_data),
        now=now_of(request),
        **_ReasonsForm(request).checked().cleaned_data,
    )


def _parts(file: ActFile, lang: str) -> tuple[Part, ...]:
    return lasting.parts(read_blocking(file.content or b"").text, lang)


PAGES = acts.ActPages(
    lifecycle=BLOCKING,
    route="desk:blocking",
    template="desk/blocking.html",
    beside=_beside,
    amend=_amend,
    parts=_parts,
    take=partial(lasting.take, _KIND),
)


@require_POST
@needs("blocking.propose")
def draft(request: HttpRequest, measure_id: UUID) -> HttpResponse:
    """Draft a blocking on a removal request and show it; a refusal is shown on the list of blockings.

    Raises:
        Http404: no such removal request.
        Refused: the person may not propose blockings at the request's desk.
    """

    def propose() -> HttpResponse:
        blocking_id = operations.open_blocking(
            actor=actor_of(request),
            removal_id=measure_id,
            mentions=Mentions(**_MentionsForm(request).checked().cleaned_data),
            now=now_of(request),
            **_DraftForm(request).checked().cleaned_data,
        )
        lasting.say_open_already(_KIND, request, [blocking_id])
        return redirect("desk:blocking", blocking_id)

    return lasting.draft(_KIND, request, (REMOVAL, measure_id), propose)


@never_cache
@require_GET
@needs("blocking.read")
def board(request: HttpRequest) -> HttpResponse:
    """Show the list of blockings: awaiting a step of the reader, other open ones, the newest ended ones."""
    return render(request, _KIND.board, lasting.board(_KIND, request))


def waiting(request: HttpRequest, kind: lasting.Lasting = _KIND) -> list[dict[str, object]]:
    """Return the template rows of the acts of a kind that await approval by another person, next due first.

    `kind` is the configuration of blockings, or of mirrors, which have the same states. A row is that of
    `lasting.rows`. The reading is recorded in the ledger.
    """
    states = [BlockingState.TO_SECOND, BlockingState.APPROVED]
    return lasting.waiting(kind, request, states=states, asked=frozenset({"SECOND", "THIRD"}))
