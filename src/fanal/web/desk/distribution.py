"""Pages on the distribution of reports to other desks: waiting reports by destination, packages, keys."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from fanal.accounts.domain.instructions import InstructionKind
from fanal.accounts.queries.instructions import standing_in_force
from fanal.accounts.routes import needs
from fanal.distribution import queries
from fanal.distribution.domain.proof import fingerprint
from fanal.distribution.queries import KnownRecipient, PlannedShare, WaitingPlace
from fanal.intake.queries.envelopes import get_reports, numbers_of
from fanal.kernel.actors import Actor
from fanal.orient import queries as oriented
from fanal.web.account.actors import actor_of, now_of
from fanal.web.desk import history
from fanal.web.reading import consult

PAGE = 50
"""Packages, or reports, on one page."""


@never_cache
@require_safe
@needs("distribution.read")
def overview(request: HttpRequest) -> HttpResponse:
    """Show the reports waiting for other desks, the packages sent and received, the desks and their keys.

    The query's `before` is the last package of the previous page.

    Raises:
        Http404: `before` is malformed.
    """
    actor, now = actor_of(request), now_of(request)
    recipients = queries.list_recipients(actor=actor)
    packages = queries.list_packages(
        actor=actor, before=_position(request, "before"), limit=PAGE + 1
    )
    shown = packages[:PAGE]
    context = {
        "places": [
            {
                "place": place,
                "withheld": len(
                    queries.withheld_at(actor=actor, place=(place.country, place.region))
                ),
                **_way(place, recipients, now),
            }
            for place in queries.list_waiting(actor=actor)
        ],
        "packages": [(sent, sent.state(now)) for sent in shown],
        "older": shown[-1].id if len(packages) > PAGE else None,
        "newest": "before" not in request.GET,
        "recipients": recipients,
        "taken": queries.list_taken(actor=actor, limit=PAGE),
        "senders": [
            (key, fingerprint(key.public_key)) for key in queries.list_senders(actor=actor)
        ],
    }
    return render(request, "distribution/list.html", context)


@never_cache
@require_safe
@needs("distribution.read")
def waiting(request: HttpRequest) -> HttpResponse:
    """Show the reports waiting for one country or region, each with the evidence that selected it.

    The query's `country` and `region` name the place, `after` the last report of the previous page; redirects
    to the overview if no reports wait for that place.

    Raises:
        Http404: `after` is malformed.
    """
    actor, now = actor_of(request), now_of(request)
    asked = request.GET.get("country", ""), request.GET.get("region", "")
    found = {(p.country, p.region): p for p in queries.list_waiting(actor=actor)}
    if asked not in found:  # it left since the list was made
        return redirect("desk:distribution")
    items = queries.list_planned(
        actor=actor, place=asked, after=_position(request, "after"), limit=PAGE + 1
    )
    shown = items[:PAGE]
    reports = _reports(request, [item.report_id for item in shown])
    context = {
        "place": found[asked],
        **_way(found[asked], queries.list_recipients(actor=actor), now),
        "rows": [(item, reports[item.report_id]) for item in shown if item.report_id in reports],
        "withheld": queries.withheld_at(actor=actor, place=asked),
        "elsewhere": len(shown) - len(reports),
        "following": shown[-1].report_id if len(items) > PAGE else None,
    }
    return render(request, "distribution/waiting.html", context)


@never_cache
@require_safe
@needs("distribution.read")
def package(request: HttpRequest, package_id: UUID) -> HttpResponse:
    """Show a package of reports sent: recipient, standing instruction, references, acknowledgement.

    The query's `after` is the last report of the previous page.

    Raises:
        Http404: no such package, or a malformed `after`.
    """
    actor, now = actor_of(request), now_of(request)
    sent = queries.get_package(actor=actor, package_id=package_id)
    if sent is None:
        raise Http404
    ids = queries.reports_in(
        actor=actor, package_id=package_id, after=_position(request, "after"), limit=PAGE + 1
    )
    shown = ids[:PAGE]
    reports = _reports(request, shown)
    items = queries.items_of(actor=actor, report_ids=list(reports))
    context = {
        "sent": sent,
        "state": sent.state(now),
        "numbers": numbers_of(report_ids=list(reports)),
        "rows": [
            (item, reports[report_id])
            for report_id in shown
            for item in items.get(report_id, ())
            if item.package_id == package_id
        ],
        "elsewhere": len(shown) - len(reports),
        "following": shown[-1] if len(ids) > PAGE else None,
        "history": history.lines_of(package_id, actor=actor),
    }
    return render(request, "distribution/package.html", context)


def shown(report_id: UUID, *, actor: Actor) -> Sequence[PlannedShare]:
    """Return the planned and completed transfers of a report to other desks, for its page.

    [] for a report with none.

    Raises:
        Refused: the actor may not read destinations.
    """
    return queries.items_of(actor=actor, report_ids=[report_id]).get(report_id, [])


def _way(
    place: WaitingPlace, recipients: Sequence[KnownRecipient], now: datetime
) -> dict[str, object]:
    """Return the recipient desk of a destination, and the standing instruction that permits sending to it.

    `place` is the destination, `recipients` all registered desks that receive packages. Keys `desk` and
    `instruction`, each None if there is none; the instruction is in force at `now`.
    """
    desk = next(
        (
            known
            for known in recipients
            if known.closed_at is None
            and (known.country, known.region) == (place.country, place.region)
        ),
        None,
    )
    instruction = desk and standing_in_force(
        kind=InstructionKind.DISTRIBUTION, scope=desk.code, now=now, since=desk.added_at
    )
    return {"desk": desk, "instruction": instruction}


def _reports(request: HttpRequest, report_ids: Sequence[UUID]) -> dict[UUID, dict[str, object]]:
    """Return reference and case of each report that the person may see, by report id; record the reading.

    Keys of each: `reference`, `case` (its row in the queue).
    """
    actor = actor_of(request)
    cases = oriented.get_cases(actor=actor, report_ids=report_ids)
    consult(request, "report", list(cases), action="report.list")
    facts = get_reports(actor=actor, report_ids=list(cases))
    return {
        report_id: {"case": case, "reference": facts[report_id].spoken}
        for report_id, case in cases.items()
        if report_id in facts
    }


def _position(request: HttpRequest, name: str) -> UUID | None:
    try:
        return UUID(request.GET[name]) if name in request.GET else None
    except ValueError:
        raise Http404 from None
