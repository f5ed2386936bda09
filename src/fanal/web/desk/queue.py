"""The queue: views with counts, dense rows, a preview beside; new arrivals announce themselves."""

from collections.abc import Mapping
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from fanal.accounts import queries as accounts
from fanal.accounts.routes import needs
from fanal.analyse import queries as analysed
from fanal.formats.report.records import Channel, ReportKind
from fanal.harmonise import queries as harmonised
from fanal.intake import queries as intake
from fanal.kernel.actors import Actor
from fanal.orient import operations as orient, queries as oriented
from fanal.orient.domain.records import Case, QueueFilter, QueuePosition, QueueView
from fanal.web.account.actors import actor_of, now_of
from fanal.web.reading import consult

PAGE = 50
_ICONS = {
    QueueView.OPEN: "queue",
    QueueView.DANGER: "alert",
    QueueView.MINE: "person",
    QueueView.TO_SECOND: "two",
    QueueView.LATE: "clock",
    QueueView.DECIDED: "check-circle",
}
_LEVELS = ("DANGER", "HIGH", "NORMAL", "LOW")


@never_cache
@require_GET
@needs("report.list")
def queue(request: HttpRequest) -> HttpResponse:
    """Show one page of a view, highest priority first, then the oldest."""
    actor, now = actor_of(request), now_of(request)
    view, filters = _view_of(request), _filters_of(request)
    page = oriented.list_queue(
        actor=actor, view=view, filters=filters, now=now, after=_position(request), limit=PAGE
    )
    consult(request, "report", [c.report_id for c in page.cases], action="report.list")
    counts = oriented.count_views(actor=actor, now=now)
    context = {
        "view": view,
        "views": [
            (v, _ICONS[v], _count(counts.views.get(v), counts.cap), _link(request, view=v))
            for v in QueueView
        ],
        "kinds": [
            (kind, _count(n, counts.cap), _link(request, kind=kind), kind == filters.kind)
            for kind, n in counts.kinds.items()
            if n or kind == filters.kind
        ],
        "rows": _rows(page.cases, actor=actor, now=now),
        "following": _following(request, page.following),
        "first_page": "after" not in request.GET,
        "filters": filters,
        "all_kinds": list(ReportKind),
        "all_channels": list(Channel),
        "all_levels": _LEVELS,
        "newest": max((c.report_id for c in page.cases), default=UUID(int=0)),
        "clear": _link(request, kind=None, channel=None, level=None, country=None),
    }
    return render(request, "desk/queue.html", context)


@never_cache
@require_GET
@needs("report.list")
def arrivals(request: HttpRequest) -> HttpResponse:
    """Tell how many reports came to this view since the page was made; nothing moves by itself."""
    actor, now = actor_of(request), now_of(request)
    try:
        shown = int(request.GET.get("shown", ""))
    except ValueError:
        raise Http404 from None
    counts = oriented.count_views(actor=actor, now=now)
    found = counts.views.get(_view_of(request)) or 0
    context = {"more": max(0, found - shown), "shown": shown, "view": _view_of(request)}
    return render(request, "desk/_arrivals.html", context)


@never_cache
@require_GET
@needs("report.list")
def alarms(request: HttpRequest) -> HttpResponse:
    """Show the alarms nobody has acknowledged; every page of the desk asks for them."""
    return render(
        request, "desk/_alarms.html", {"alarms": oriented.open_alarms(actor=actor_of(request))}
    )


@require_POST
@needs("alarm.acknowledge")
def acknowledge(request: HttpRequest, alarm_id: UUID) -> HttpResponse:
    """Take an alarm: it stops ringing for everybody, and the person is on the report."""
    actor, now = actor_of(request), now_of(request)
    found = [a for a in oriented.open_alarms(actor=actor) if a.id == alarm_id]
    if not orient.acknowledge_alarm(actor=actor, alarm_id=alarm_id, now=now):
        messages.info(request, _("Somebody took this alarm before you."))
    if not found:
        return redirect("desk:queue")
    return redirect("desk:report", report_id=found[0].report_id)


@never_cache
@require_GET
@needs("report.read")
def preview(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Show the selected report beside the list."""
    actor, now = actor_of(request), now_of(request)
    case = oriented.get_case(actor=actor, report_id=report_id)
    record = harmonised.get_records(actor=actor, report_ids=[report_id]).get(report_id)
    if case is None or record is None:
        raise Http404
    consult(request, "report", [report_id])
    priorities = analysed.get_priorities(actor=actor, report_ids=[report_id])
    context = {
        "row": _rows((case,), actor=actor, now=now)[0],
        "case": case,
        "record": record,
        "priority": priorities.get(report_id),
        "selectors": record.selectors[:12],
        "more_selectors": max(0, len(record.selectors) - 12),
    }
    return render(request, "desk/_preview.html", context)


def _rows(cases: tuple[Case, ...], *, actor: Actor, now: object) -> list[Mapping[str, object]]:
    holders = {c.claimed_by for c in cases if c.claimed_by}
    names = accounts.person_names(person_ids=holders)
    envelopes = intake.get_reports(actor=actor, report_ids=[c.report_id for c in cases])
    partners = accounts.partner_names(partner_ids={c.sender_id for c in cases})
    return [
        {
            "case": case,
            "holder": names.get(case.held_by(now)),  # type: ignore[arg-type]
            "mine": case.held_by(now) == actor.person_id,  # type: ignore[arg-type]
            "sender": partners.get(case.sender_id, ""),
            "reference": envelopes[case.report_id].reference
            if case.report_id in envelopes
            else str(case.report_id),
            "because": {"code": case.reason, "parameters": case.reason_parameters},
        }
        for case in cases
    ]


def _view_of(request: HttpRequest) -> QueueView:
    try:
        return QueueView(request.GET.get("view", QueueView.OPEN))
    except ValueError:
        raise Http404 from None


def _filters_of(request: HttpRequest) -> QueueFilter:
    def chosen(name: str, allowed: frozenset[str] | None) -> str | None:
        value = request.GET.get(name, "").strip()
        return value if value and (allowed is None or value in allowed) else None

    country = chosen("country", None)
    return QueueFilter(
        kind=chosen("kind", frozenset(ReportKind)),
        channel=chosen("channel", frozenset(Channel)),
        level=chosen("level", frozenset(_LEVELS)),
        country=country.upper() if country and len(country) == 2 else None,
    )


def _position(request: HttpRequest) -> QueuePosition | None:
    score, _separator, report_id = request.GET.get("after", "").partition("~")
    if not report_id:
        return None
    try:
        return QueuePosition(score=int(score), report_id=UUID(report_id))
    except ValueError:
        raise Http404 from None


def _following(request: HttpRequest, position: QueuePosition | None) -> str:
    if position is None:
        return ""
    return _link(request, after=f"{position.score}~{position.report_id}")


def _link(request: HttpRequest, **changes: str | None) -> str:
    """Return the query of this page with some parameters changed; a change of view starts at its top."""
    kept = {k: v for k, v in request.GET.items() if k != "after" and v}
    kept.update({k: v for k, v in changes.items() if v is not None})
    for name, value in changes.items():
        if value is None:
            kept.pop(name, None)
    return f"?{urlencode(kept)}"


def _count(number: int | None, cap: int) -> str:
    if number is None:
        return ""
    return f"{cap}+" if number >= cap else str(number)
