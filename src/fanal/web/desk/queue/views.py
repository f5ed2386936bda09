"""The queue of reports: views with counts, rows, preview of a report, notice of new arrivals."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST
from msgspec import Struct

from fanal.accounts.domain.policy import may
from fanal.accounts.operations.people import keep_dense_rows
from fanal.accounts.queries.people import partner_names, person_names
from fanal.accounts.routes import needs
from fanal.analyse import queries as analysed
from fanal.analyse.domain.records import Because
from fanal.deconfliction import queries as deconfliction
from fanal.deconfliction.domain.records import Sign
from fanal.distribution import queries as distribution
from fanal.distribution.queries import PlannedShare
from fanal.harmonise import queries as harmonised
from fanal.intake.domain.number import desk_number
from fanal.intake.queries.envelopes import get_reports
from fanal.intake.queries.work import count_withdrawn
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import read_aware
from fanal.orient import queries as oriented
from fanal.orient.answers.queries import count_unread
from fanal.orient.assignment.queries import assignments_of
from fanal.orient.domain.filters import stated_by
from fanal.orient.domain.records import Case, QueuePosition, QueueView
from fanal.orient.queue.domain.streams import HIGHEST_PLACE
from fanal.orient.queue.queries import COUNT_CAP, count_arrivals, count_views, list_queue
from fanal.web.account.actors import actor_of, now_of
from fanal.web.desk.queue import saved_views
from fanal.web.desk.queue.contents import NO_CONTENT, RowContent, contents_of
from fanal.web.desk.queue.filters import (
    chips_of,
    fields_of,
    filters_of,
    hints_of,
    named_for,
    place_of,
    query_of,
    view_of,
)
from fanal.web.desk.queue.place import to_queue
from fanal.web.reading import consult

PAGE = 50
_ICONS = {
    QueueView.OPEN: "queue",
    QueueView.DANGER: "alert",
    QueueView.MINE: "person",
    QueueView.ANSWERED: "chat",
    QueueView.TO_SECOND: "two",
    QueueView.LATE: "clock",
    QueueView.HANDED_OVER: "send",
    QueueView.DECIDED: "check-circle",
}
_LATELY = timedelta(days=30)
_ASK_SOON = timedelta(days=60)
"""A queue row tells when the retention of subscriber data ends, when that is closer than this."""
_PREVIEWED = 12  # identifiers in a preview; the report's page shows all


@never_cache
@require_GET
@needs("report.list")
def queue(request: HttpRequest) -> HttpResponse:
    """Show one page of a view of the queue, highest priority first, then oldest first.

    The query names view and filters (see `filters`) and the last row of the previous page (`after`).

    Raises:
        Http404: no such view, or a malformed `after`.
    """
    actor, now = actor_of(request), now_of(request)
    view, filters = view_of(request.GET), filters_of(request.GET)
    page = list_queue(
        actor=actor, view=view, filters=filters, now=now, after=_position(request), limit=PAGE
    )
    consult(request, "report", [c.report_id for c in page.cases], action="report.list")
    counts = count_views(actor=actor, now=now, of=view, cap=COUNT_CAP + 1)
    names = named_for(actor=actor)
    chips = chips_of(view, filters, names)
    hints = (
        hints_of(chips, actor=actor, view=view, filters=filters, now=now) if not page.cases else ()
    )
    context = {
        "view": view,
        "views": [(v, _ICONS[v], counts.views.get(v, 0), f"?view={v}") for v in QueueView],
        "held_answered": counts.answered,
        "cap": COUNT_CAP,
        "kinds": [
            (kind, n, _link(request, kind=kind), kind == filters.kind)
            for kind, n in counts.kinds.items()
            if n or kind == filters.kind
        ],
        "rows": rows_of(page.cases, actor=actor, now=now, content=True),
        "dense": getattr(request.user, "dense_rows", False),
        "following": _following(request, page.following),
        "first_page": "after" not in request.GET,
        "filters": filters,
        "saved": (saved := saved_views.lines_of(actor, view=view, filters=filters)),
        "to_save": query_of(view, filters) if not any(line.current for line in saved) else "",
        "chips": chips,
        "filtered": any(chip.name != "sort" for chip in chips),
        "fields": fields_of(filters, names),
        "hints": hints,
        "clear": f"?view={view}",
        "since": now.isoformat(),
        "query": _link(request),
        "may_claim": may(actor, "report.claim"),
        "withdrawn": count_withdrawn(actor=actor, since=now - _LATELY),
        "withdrawn_days": _LATELY.days,
    }
    return render(request, "desk/queue.html", context)


@never_cache
@require_GET
@needs("report.list")
def arrivals(request: HttpRequest) -> HttpResponse:
    """Show how many reports arrived in this view since page load; the list itself does not move.

    Answers 204 when the number is 0 or the page shows it already, 400 for an invalid or future time.

    Raises:
        Http404: no such view.
    """
    actor, now = actor_of(request), now_of(request)
    since = read_aware(request.GET.get("since"))
    if since is None or since > now:
        return render(request, "400.html", status=HTTPStatus.BAD_REQUEST)
    view = view_of(request.GET)
    fresh = count_arrivals(
        actor=actor,
        view=view,
        filters=filters_of(request.GET),
        since=since,
        now=now,
        cap=COUNT_CAP + 1,
    )
    if not fresh or str(fresh) == request.GET.get("known"):
        return HttpResponse(status=204)
    context = {
        "fresh": fresh,
        "cap": COUNT_CAP,
        "since": since.isoformat(),
        "view": view,
        "query": _link(request),
    }
    return render(request, "desk/arrivals.html", context)


@require_POST
@needs("view.keep")
def density(request: HttpRequest) -> HttpResponse:
    """Store whether the person wants the queue's rows on one line (form: `dense`), then show the queue.

    Raises:
        Http404: the query names an unknown view.
    """
    keep_dense_rows(actor=actor_of(request), dense=bool(request.POST.get("dense")))
    return to_queue(request)


@never_cache
@require_GET
@needs("report.read")
def preview(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Show a summary of one report, next to the queue's list.

    Raises:
        Http404: no such report for the person, or it is not harmonised yet.
    """
    actor, now = actor_of(request), now_of(request)
    case = oriented.get_case(actor=actor, report_id=report_id)
    record = harmonised.get_records(actor=actor, report_ids=[report_id]).get(report_id)
    if case is None or record is None:
        raise Http404
    consult(request, "report", [report_id])
    priorities = analysed.get_priorities(actor=actor, report_ids=[report_id])
    context = {
        "row": rows_of((case,), actor=actor, now=now)[0],
        "query": place_of(request.GET),
        "record": record,
        "priority": priorities.get(report_id),
        "selectors": record.selectors[:_PREVIEWED],
        "more_selectors": max(0, len(record.selectors) - _PREVIEWED),
        "may_claim": may(actor, "report.claim"),
    }
    return render(request, "desk/preview.html", context)


class QueueRow(Struct, frozen=True, kw_only=True):
    """A case (a report in the queue) as a row of a table; made by `rows_of`.

    `holder`: name of the person who has claimed it, "" for nobody; `mine`: the reader has. `given`: name of
    the person to whom it is assigned, "" for nobody. `signs`: matches with other organisations; `sender`:
    name of the provider, `reference`: the report's displayed number. `because`: the main reason of its
    priority, None without one. `away`: transfers of the report to other desks. `retention`: in words, when
    the retention of subscriber data ends or ended, "" while that is far away. `answers`: number of the
    reporter's unread answers. `content`: extracts of the report, where they were asked for.
    """

    case: Case
    holder: str
    mine: bool
    given: str
    signs: Sequence[Sign]
    sender: str
    reference: str
    because: Because | None
    away: Sequence[PlannedShare]
    retention: str
    answers: int
    content: RowContent = NO_CONTENT


def rows_of(
    cases: Sequence[Case], *, actor: Actor, now: datetime, content: bool = False
) -> list[QueueRow]:
    """Return the table rows of cases (reports in the queue), in their order, for the reader `actor`.

    Leases and deadlines are compared with `now`. `content`: with extracts of the reports' content.

    Raises:
        Refused: the actor may not read destinations.
    """
    holders = {c.report_id: c.held_by(now) for c in cases}
    given = assignments_of(actor=actor, report_ids=[c.report_id for c in cases])
    charged = {one.person_id for one in given.values()}
    names = person_names(person_ids={h for h in holders.values() if h} | charged)
    envelopes = get_reports(actor=actor, report_ids=[c.report_id for c in cases])
    partners = partner_names(partner_ids={c.sender_id for c in cases})
    transfers = distribution.items_of(actor=actor, report_ids=[c.report_id for c in cases])
    signs = deconfliction.signs_of(actor=actor, report_ids=[c.report_id for c in cases])
    answers = count_unread(actor=actor, report_ids=[c.report_id for c in cases])
    contents = contents_of(cases, actor=actor) if content else {}
    rows = []
    for case in cases:
        holder = holders[case.report_id]
        envelope = envelopes.get(case.report_id)
        rows.append(
            QueueRow(
                case=case,
                holder=names.get(holder, "") if holder else "",
                mine=holder == actor.person_id,
                given=names.get(given[case.report_id].person_id, "")
                if case.report_id in given
                else "",
                signs=signs.get(case.report_id, ()),
                sender=partners.get(case.sender_id, ""),
                reference=envelope.spoken if envelope else desk_number(case.report_id),
                because=_because(case),
                away=[t for t in transfers.get(case.report_id, ()) if t.package_id],
                retention=_retention(case, now),
                answers=answers.get(case.report_id, 0),
                content=contents.get(case.report_id, NO_CONTENT),
            )
        )
    return rows


def _retention(case: Case, now: datetime) -> str:
    """Return in words how many more days subscriber data are kept, or for how many days they no longer are.

    "" if that is unknown or the retention ends in sixty days or more.
    """
    if case.ask_before is None or case.ask_before - now >= _ASK_SOON:
        return ""
    days = abs(case.ask_before - now).days
    if case.ask_before <= now:
        text = ngettext(
            "Connection data: retention expired %(count)s day ago",
            "Connection data: retention expired %(count)s days ago",
            days,
        )
    else:
        text = ngettext(
            "Connection data: kept %(count)s more day",
            "Connection data: kept %(count)s more days",
            days,
        )
    return text % {"count": days}


def _because(case: Case) -> Because | None:
    """Return the main reason of a report's priority; None if it only repeats the report kind."""
    if not case.reason or case.reason.startswith("KIND_"):
        return None
    return Because(code=case.reason, parameters=case.reason_parameters)


def _position(request: HttpRequest) -> QueuePosition | None:
    score, _separator, report_id = request.GET.get("after", "").partition("~")
    if not report_id:
        return None
    try:
        position = QueuePosition(score=int(score), report_id=UUID(report_id))
    except ValueError:
        raise Http404 from None
    if not 0 <= position.score <= HIGHEST_PLACE:
        raise Http404
    return position


def _following(request: HttpRequest, position: QueuePosition | None) -> str:
    if position is None:
        return ""
    return _link(request, after=f"{position.score}~{position.report_id}")


def _link(request: HttpRequest, **changes: str) -> str:
    """Return the query string of this view's first page, with `changes` to its parameters."""
    view = {"view": request.GET["view"]} if request.GET.get("view") else {}
    kept = view | stated_by(filters_of(request.GET))
    return f"?{urlencode(kept | changes)}"
