"""The reporter's unread answers: shown on a report's page, marked as read, announced to its holder."""

from collections.abc import Sequence
from datetime import datetime
from itertools import takewhile
from uuid import UUID

from django import template
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template import Context
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST
from msgspec import Struct

from fanal.accounts.domain.policy import Resource, may
from fanal.accounts.routes import needs
from fanal.intake.domain.records import FollowedMessage
from fanal.orient import queries as oriented
from fanal.orient.alarms.queries import DANGER_WRITTEN, alarms_of
from fanal.orient.answers.operations import read_answers
from fanal.orient.answers.queries import held_with_answers, unread_on
from fanal.orient.domain.records import Case
from fanal.web.account.actors import actor_of, now_of, require_declared
from fanal.web.reading import is_fetched_ahead

register = template.Library()
Exchange = Sequence[tuple[FollowedMessage, str]]
_MOST = 1000


class Unread(Struct, frozen=True, kw_only=True):
    """The unread answers of a reporter on the report's page.

    `answers` are those answers with their texts, oldest first; `asked` is the desk's last question before
    them, "" without one. `danger`: in one of them the reporter stated that a child is in danger. `read`: the
    page has just marked them as read, since its reader has claimed the report. `may_mark`: the reader may
    mark them as read.
    """

    answers: Exchange
    asked: str
    danger: bool
    read: bool
    may_mark: bool

    @property
    def latest(self) -> datetime:
        """When the newest of the unread answers was sent."""
        return self.answers[-1][0].created_at


def unread_of(request: HttpRequest, case: Case, exchange: Exchange) -> Unread | None:
    """Return the unread answers among a report's messages (`exchange`) for its page; None without any.

    `case` is the report's queue row. On a GET request they are marked as read if the reader has claimed the
    report, unless the browser only fetches the page ahead; a page shown again after a refused form marks
    nothing. The caller has recorded the reading of the messages in the ledger.

    Raises:
        Refused: the reader has claimed the report, and may no longer claim reports at any desk.
    """
    actor, now = actor_of(request), now_of(request)
    ids = unread_on(actor=actor, report_id=case.report_id)
    found = [(message, text) for message, text in exchange if message.message_id in ids]
    if not found:
        return None
    holder = case.held_by(now)
    by_hand = request.method == "GET" and not is_fetched_ahead(request)
    read = holder == actor.person_id and by_hand
    if read:
        read_answers(actor=actor, report_id=case.report_id, message_ids=_ids(found), now=now)
    before = list(takewhile(lambda one: one != found[0], exchange))
    return Unread(
        answers=found,
        asked=next((text for message, text in reversed(before) if message.from_desk), ""),
        danger=any(
            alarm.code == DANGER_WRITTEN and alarm.raised_at >= found[0][0].created_at
            for alarm in alarms_of(actor=actor, report_id=case.report_id)
        ),
        read=read,
        may_mark=not read and holder in {None, actor.person_id} and may(actor, "report.claim"),
    )


@require_POST
@needs("report.claim")
def mark(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Record that the answers on a report that the page showed (`answer` in the form) are read.

    If none of them was unread, or another person has claimed the report meanwhile, a message says so.

    Raises:
        Http404: no such report.
        Refused: the person lacks the right at the report's desk.
    """
    actor = actor_of(request)
    case = oriented.get_case(actor=actor, report_id=report_id)
    if case is None:
        raise Http404
    require_declared(request, Resource(desk_id=case.desk_id))
    ids = []
    for text in request.POST.getlist("answer")[:_MOST]:
        try:
            ids.append(UUID(text))
        except ValueError:
            continue
    if not read_answers(actor=actor, report_id=report_id, message_ids=ids, now=now_of(request)):
        messages.warning(request, _("The report has moved on since this page was made."))
    return redirect("desk:report", report_id=report_id)


@register.inclusion_tag("desk/answers_held.html", takes_context=True, name="answers_held")
def told(context: Context) -> dict[str, object]:
    """Show a notice that a report in the person's charge has an unread answer (template tag).

    The queue's page has counted these reports already (`held_answered` in the context) and leads to their
    list. Returns the template's context. Keys: `count`, `report_id` (the first report, None on the queue's
    page), `known` (names the reports, for polling).
    """
    request: HttpRequest = context["request"]
    if "held_answered" in context:
        return {"count": context["held_answered"], "report_id": None, "known": ""}
    return _notice(held_with_answers(actor=actor_of(request)))


@never_cache
@require_GET
@needs("report.list")
def held(request: HttpRequest) -> HttpResponse:
    """Show whether reports that the person holds have unread answers, as a fragment that pages poll.

    Answers 204 when the page shows it already: the query's `known` names these reports.
    """
    notice = _notice(held_with_answers(actor=actor_of(request)))
    if notice["known"] == request.GET.get("known"):
        return HttpResponse(status=204)
    return render(request, "desk/answers_held.html", notice)


def _notice(report_ids: Sequence[UUID]) -> dict[str, object]:
    return {
        "count": len(report_ids),
        "report_id": report_ids[0] if len(report_ids) == 1 else None,
        "known": "-".join(report_id.hex[-8:] for report_id in report_ids),
    }


def _ids(exchange: Exchange) -> list[UUID]:
    return [message.message_id for message, _ in exchange]
