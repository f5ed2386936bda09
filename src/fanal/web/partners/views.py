"""Pages of partners and laboratories: own reports, feedback, lists; nothing else of the desk's work."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from fanal.accounts.queries.people import list_credentials, own_habilitations, partner_names
from fanal.accounts.routes import needs
from fanal.exchange import queries
from fanal.exchange.operations.serving import open_lists
from fanal.intake.domain.records import KeyKind, ReportFacts, ReportState, expires_at
from fanal.intake.queries.envelopes import get_by_key, get_reports
from fanal.intake.queries.files import get_receipts, list_uploads
from fanal.intake.queries.providers import count_sent, list_sent
from fanal.kernel.actors import Actor
from fanal.orient.feedback.domain import Feedback
from fanal.orient.feedback.operations import NEWEST, NoInstruction, send_feedback
from fanal.web.account.actors import actor_of, now_of
from fanal.web.account.habilitations import line_of, opened_to
from fanal.web.reading import consult, journal_search

# Reports of a partner: counts, states, receipts, correlation ids.

PAGE = 50
_LONGEST = 200


@never_cache
@require_safe
@needs("report.status")
def sent(request: HttpRequest) -> HttpResponse:
    """List the partner's own reports, newest first, with counts by state.

    Query parameters: `state` (a `ReportState`), `reference` (the partner's own, exact), `before` (id of the
    last report of the previous page).

    Raises:
        Http404: an unknown state, or a malformed `before`.
    """
    actor = actor_of(request)
    state, reference = _state(request), request.GET.get("reference", "").strip()[:_LONGEST]
    if reference:
        found = _by_reference(actor, reference)
        journal_search(
            request, kind="REFERENCE", text=reference, reports=[f.report_id for f in found]
        )
    else:
        found = list_sent(actor=actor, state=state, before=_before(request), limit=PAGE + 1)
    rows, more = found[:PAGE], len(found) > PAGE
    if not reference:
        consult(request, "report", [f.report_id for f in rows], action="report.status")
    counts = count_sent(actor=actor)
    context = {
        "partner": _name(actor),
        "counts": counts.items(),
        "total": sum(counts.values()),
        "rows": [_line(facts) for facts in rows],
        "states": list(ReportState),
        "chosen": state or "",
        "reference": reference,
        "following": rows[-1].report_id if more else None,
        "first_page": not request.GET.get("before"),
        "unfinished": counts[ReportState.OPEN],
        "expired": counts[ReportState.EXPIRED],
        "access": list_credentials(actor=actor),
    }
    return render(request, "partners/sent.html", context)


@never_cache
@require_safe
@needs("report.status")
def show(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Show one of the partner's own reports: state, receipt, files, feedback.

    Raises:
        Http404: the partner has no such report.
    """
    actor, facts = actor_of(request), _own(request, report_id)
    receipts = get_receipts(actor=actor, report_ids=[report_id])
    files = list_uploads(actor=actor, report_ids=[report_id])
    context = {
        "line": _line(facts),
        "facts": facts,
        "receipt": receipts.get(report_id, ""),
        "files": files.get(report_id, []),
        "feedback": sent_feedback(actor, now=now_of(request), report_id=report_id) or (),
    }
    return render(request, "partners/report.html", context)


@never_cache
@require_safe
@needs("report.status")
def receipt(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Send the signed receipt of a report as a file for `fanal receipt verify`.

    Raises:
        Http404: the partner has no such report, or there is no receipt.
    """
    _own(request, report_id)
    signed = get_receipts(actor=actor_of(request), report_ids=[report_id]).get(report_id)
    if not signed:
        raise Http404
    answer = HttpResponse(signed, content_type="text/plain; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="fanal-receipt-{report_id}.txt"'
    return answer


def _own(request: HttpRequest, report_id: UUID) -> ReportFacts:
    """Return a report of the partner, after recording the reading in the ledger.

    Raises:
        Http404: the partner has no such report.
    """
    actor = actor_of(request)
    facts = get_reports(actor=actor, report_ids=[report_id]).get(report_id)
    if facts is None or facts.sender_id != actor.partner_id:
        raise Http404
    consult(request, "report", [report_id], action="report.status")
    return facts


def _by_reference(actor: Actor, reference: str) -> list[ReportFacts]:
    if "\0" in reference:
        return []
    found = get_by_key(actor=actor, kind=KeyKind.REFERENCE, key=reference)
    return [found] if found is not None else []


def _line(facts: ReportFacts) -> Mapping[str, object]:
    """Return a list row of a report as template context.

    Keys: `facts` (the report), `in_progress` (whether a stage is processing it), `expires` (when an
    unfinished report expires, None for a finished one).
    """
    unfinished = facts.state is ReportState.OPEN
    return {
        "facts": facts,
        "in_progress": facts.stage is not None,
        "expires": expires_at(opened_at=facts.received_at, changed_at=facts.changed_at)
        if unfinished
        else None,
    }


def _name(actor: Actor) -> str:
    names = partner_names(partner_ids=[actor.partner_id] if actor.partner_id else [])
    return next(iter(names.values()), "")


def _state(request: HttpRequest) -> ReportState | None:
    asked = request.GET.get("state", "")
    try:
        return ReportState(asked) if asked else None
    except ValueError:
        raise Http404 from None


def _before(request: HttpRequest) -> UUID | None:
    asked = request.GET.get("before", "")
    try:
        return UUID(asked) if asked else None
    except ValueError:
        raise Http404 from None


# The desk's feedback on a partner's own reports, shown under a standing instruction only.

FEEDBACK_PAGE = 100


@never_cache
@require_safe
@needs("report.status")
def feedback(request: HttpRequest) -> HttpResponse:
    """List the desk's feedback on the partner's own reports, newest first, page by page.

    None is listed without a standing instruction that permits it. The query's `before` is the last feedback
    of the previous page.

    Raises:
        Http404: `before` is malformed.
    """
    before = _before(request) or NEWEST
    found = sent_feedback(
        actor_of(request), now=now_of(request), before=before, limit=FEEDBACK_PAGE + 1
    )
    shown = found[:FEEDBACK_PAGE] if found is not None else []
    context = {
        "permitted": found is not None,
        "rows": shown,
        "following": shown[-1].id if found is not None and len(found) > FEEDBACK_PAGE else None,
    }
    return render(request, "partners/feedback.html", context)


def sent_feedback(
    actor: Actor,
    *,
    now: datetime,
    before: UUID | None = None,
    report_id: UUID | None = None,
    limit: int = FEEDBACK_PAGE,
) -> Sequence[Feedback] | None:
    """Return feedback on the partner's own reports, as sent to it; None if no standing instruction allows it.

    With `before`, feedback given before that id, newest first, on every report; else oldest first, and with
    `report_id` on that report only. At most `limit`; feedback of the last thirty seconds is left out. The
    sending is recorded in the ledger, unless there is no feedback.

    Raises:
        Refused: the actor is no partner.
    """
    try:
        return send_feedback(actor=actor, before=before, report_id=report_id, limit=limit, now=now)
    except NoInstruction:
        return None


# Lists that a partner may read: URLs of the services, and reading progress of its programs.


@never_cache
@require_safe
@needs("list.receive")
def lists(request: HttpRequest) -> HttpResponse:
    """Show the lists that the partner may read, and how far it has read them; never a hash."""
    actor = actor_of(request)
    with transaction.atomic():
        shared = open_lists(actor=actor, now=now_of(request))
    names = {one.id: one.facts.name for one in shared}
    context = {
        "shared": shared,
        "readings": [
            (reading, names.get(reading.list_id, "") if reading.list_id else "")
            for reading in queries.list_readings(actor=actor)
        ],
        "hashsharing": request.build_absolute_uri("/hashsharing"),
        "taxii": request.build_absolute_uri(reverse("taxii:discovery")),
    }
    return render(request, "partners/lists.html", context)


# Home page of a laboratory: the rights of its people, and requests addressed to it.


@never_cache
@require_safe
@needs("examination.read")
def laboratory(request: HttpRequest) -> HttpResponse:
    """Show the laboratory's name and the person's rights; requests to laboratories do not exist yet."""
    actor, now = actor_of(request), now_of(request)
    names = partner_names(partner_ids=[actor.partner_id] if actor.partner_id else [])
    context = {
        "laboratory": next(iter(names.values()), ""),
        "opened": opened_to(actor),
        "lines": [line_of(h, now=now, actor=actor) for h in own_habilitations(actor=actor)],
    }
    return render(request, "partners/laboratory.html", context)
