"""Work through a queue view report by report: claim, renew and release a report, and go on to the next.

The query of a report's page holds the view with its filters (the person's place); without one it is the open
queue. A claim is a lease with a fencing token, for one person at a time. Going on claims the next report of
the view and releases the one before.
"""

from collections.abc import Iterable, Set
from datetime import datetime
from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from msgspec import structs

from fanal.accounts.queries.people import person_names
from fanal.accounts.routes import needs
from fanal.kernel.typed import whole_number
from fanal.orient import queries as oriented
from fanal.orient.answers.queries import count_unread
from fanal.orient.assignment.domain import PROTECTED, Assignment, is_kept_from
from fanal.orient.assignment.queries import assignments_of
from fanal.orient.domain.filters import NOBODY
from fanal.orient.domain.records import Case, QueueFilter, QueuePosition, QueueView
from fanal.orient.domain.states import OPEN_STATES
from fanal.orient.queue import operations as orient
from fanal.orient.queue.domain.streams import BEFORE_OTHERS
from fanal.orient.queue.queries import list_queue
from fanal.web.account.actors import actor_of, now_of
from fanal.web.desk.queue import undo
from fanal.web.desk.queue.filters import at_place, filters_of, place_of, view_of

_PAGE = 50
_MOST_PAGES = 4
_PASSED = "danger_passed"
"""Key in the session: children in danger from whom the person went on, and when."""
_SEEN = 4 * PROTECTED
"""How long those from whom the person went on come after others in danger."""
_LEFT = "danger_left"
"""Key in the session: the child in danger shown out of its turn, and the report where the list goes on."""

_Search = tuple[QueuePosition | None, QueueFilter]
"""A position in the view, None for its top, and the filters of what is looked for after it."""


def to_queue(request: HttpRequest) -> HttpResponse:
    """Return the redirect to the queue, in the view named by the query of the request.

    Raises:
        Http404: the query names no such view.
    """
    return redirect(reverse("desk:queue") + place_of(request.GET))


@require_POST
@needs("report.claim")
def go_on(request: HttpRequest) -> HttpResponse:
    """Claim the next report of a queue view and show it; release the previous one.

    Query: view and filters. Form: `after` (the previous report; none: start at the top) and the `token` of
    its lease, without which it is not released. In the view of claimed reports nothing is released. If no
    report is left, show the view.

    Raises:
        Http404: no such view, or no such report before for the person.
        Refused: the person may not claim at the desk of the next report.
    """
    before = _before(request)
    answer = next_of(request, before)
    if before is not None and view_of(request.GET) is not QueueView.MINE:
        _release(request, before)
    return answer


def next_of(request: HttpRequest, before: Case | None) -> HttpResponse:
    """Claim the report that follows `before` in the person's view, and return the redirect to its page.

    A report with a child in danger comes first, unless the person skipped it within a quarter of an hour;
    then the order of the view applies. `before` may have left the view meanwhile. After the last row comes
    the first; reports that are claimed by or assigned to others are skipped. If none is left, return the
    redirect to the view with a message.

    Raises:
        Http404: the query names no such view.
        Refused: the person may not claim at the desk of that report.
    """
    filters = structs.replace(filters_of(request.GET), sort=None)  # the gravest first, in any order
    passed, left = _passed(request, before), _left(request, before)
    request.session.pop(_LEFT, None)
    if before is not None and _may_pass_danger(request, filters):
        gravest = structs.replace(filters, level="DANGER")
        lately = [one for one, at in passed.items() if at > now_of(request) - PROTECTED]
        found = None
        for aside in (passed, lately):  # those not seen within the hour before those seen long ago
            danger = {before.report_id, *aside}
            found = found or _claim_first(request, _from_top(_free_first(gravest)), aside=danger)
        if found is not None:
            if (place := left or before).level != "DANGER":  # else the list goes on after `found`
                request.session[_LEFT] = [str(found), str(place.report_id)]
            return at_place(request, found)
    # Then from the top, at last behind hundreds that colleagues have in charge.
    tries = _from_top(reversed(_free_first(filters)))
    if before is not None:
        tries = [(_position(request, left or before), filters), *tries]
    found = _claim_first(request, tries, aside=set() if before is None else {before.report_id})
    if found is not None:
        return at_place(request, found)
    messages.info(request, _("No other report of this view is free."))
    return to_queue(request)


def _free_first(filters: QueueFilter) -> list[QueueFilter]:
    """Return the filters narrowed to reports that nobody has claimed, then the given filters.

    The first finds a free report even behind many claimed ones. Filters that name a holder are returned
    alone.
    """
    free = [] if filters.holder is not None else [structs.replace(filters, holder=NOBODY)]
    return [*free, filters]


def _from_top(searches: Iterable[QueueFilter]) -> list[_Search]:
    return [(None, one) for one in searches]


def _may_pass_danger(request: HttpRequest, filters: QueueFilter) -> bool:
    """Return whether a report of a child in danger in the person's view may come before the next row.

    That is so in the open and late views, unless they are filtered by level.
    """
    return view_of(request.GET) in {QueueView.OPEN, QueueView.LATE} and filters.level is None


def _left(request: HttpRequest, before: Case | None) -> Case | None:
    """Return the report from which the person left the order of the view, or None.

    It is stored when `before`, a report of a child in danger, was shown out of its turn.
    """
    danger, after = request.session.get(_LEFT, ("", ""))
    if before is None or danger != str(before.report_id):
        return None
    return oriented.get_case(actor=actor_of(request), report_id=UUID(after))


def _passed(request: HttpRequest, before: Case | None) -> dict[UUID, datetime]:
    """Return when the person skipped a report of a child in danger, within the last hour, by report id.

    `before` is added with the present time if it is such a report. The result is stored in the session.
    """
    now = now_of(request)
    kept = {
        one: at
        for one, at in request.session.get(_PASSED, {}).items()
        if datetime.fromisoformat(at) > now - _SEEN
    }
    if before is not None and before.level == "DANGER":
        kept[str(before.report_id)] = now.isoformat()
        request.session[_PASSED] = kept
    return {UUID(one): datetime.fromisoformat(at) for one, at in kept.items()}


def _before(request: HttpRequest) -> Case | None:
    text = request.POST.get("after", "")
    if not text:
        return None
    try:
        case = oriented.get_case(actor=actor_of(request), report_id=UUID(text))
    except ValueError:
        raise Http404 from None
    if case is None:
        raise Http404
    return case


def _position(request: HttpRequest, case: Case) -> QueuePosition:
    """Return the position of a case in the order of the person's view."""
    score, ids = case.score, [case.report_id]
    if view_of(request.GET) is QueueView.MINE:
        answered = bool(count_unread(actor=actor_of(request), report_ids=ids))
        score += BEFORE_OTHERS * (2 * (case.level == "DANGER") + answered)
    return QueuePosition(score=score, report_id=case.report_id)


def _claim_first(
    request: HttpRequest, tries: Iterable[_Search], *, aside: Set[UUID]
) -> UUID | None:
    """Claim the first free report that one of the searches finds, in their order; return its id, or None.

    Each of `tries` is a position to start from (None: the top) and filters. Reports in `aside` are skipped.
    """
    for start, filters in tries:
        found = _claim_after(request, start, filters, aside=aside)
        if found is not None:
            return found
    return None


def _claim_after(
    request: HttpRequest, start: QueuePosition | None, filters: QueueFilter, *, aside: Set[UUID]
) -> UUID | None:
    """Claim the first free report after a position of the view; return its id, None if there is none.

    Reports in `aside` are skipped; at most two hundred rows are examined. Decided reports, in views that show
    them, cannot be claimed and are returned as they are.
    """
    actor, now = actor_of(request), now_of(request)
    view = view_of(request.GET)
    for _page in range(_MOST_PAGES):
        page = list_queue(
            actor=actor, view=view, filters=filters, now=now, after=start, limit=_PAGE
        )
        given = assignments_of(actor=actor, report_ids=[case.report_id for case in page.cases])
        for case in page.cases:
            if case.report_id in aside:
                continue
            if case.state not in OPEN_STATES:
                return case.report_id
            if not _is_free(case, given.get(case.report_id), actor.person_id, now):
                continue
            try:
                orient.claim_case(actor=actor, report_id=case.report_id, now=now)
            except orient.CaseTaken:
                continue
            return case.report_id
        start = page.following
        if start is None:
            return None
    return None


def _is_free(case: Case, given: Assignment | None, person_id: UUID, now: datetime) -> bool:
    """Return whether a case can be a person's next: nobody else has claimed it or has it in charge.

    `given` is its assignment, or None.
    """
    held = case.held_by(now) not in {None, person_id}
    return not held and not is_kept_from(case, given, person_id=person_id, now=now)


def _release(request: HttpRequest, case: Case) -> None:
    token = whole_number(request.POST.get("token", ""), digits=9)
    if token is None:
        return
    actor, now = actor_of(request), now_of(request)
    if orient.release_case(actor=actor, report_id=case.report_id, claim_token=token, now=now):
        undo.offer(request, undo.RELEASE, case.report_id)


@require_POST
@needs("report.claim")
def claim(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Claim the report for the person, then show it; a message names the holder if somebody else has it.

    Raises:
        Http404: no such report for the person.
        Refused: the person may not claim at the report's desk.
    """
    try:
        orient.claim_case(actor=actor_of(request), report_id=report_id, now=now_of(request))
    except orient.CaseUnknown:
        raise Http404 from None
    except orient.CaseTaken:
        name = _holder(request, report_id)
        messages.warning(
            request,
            _("%(name)s claimed this report before you.") % {"name": name}
            if name
            else _("This report can no longer be claimed."),
        )
    return at_place(request, report_id)


@require_POST
@needs("report.claim")
def renew(request: HttpRequest, report_id: UUID) -> JsonResponse:
    """Extend the person's lease on a report while its page is open; answer as JSON.

    `held` is true with the new end (`until`); 409 with `held` false and the name of the present `holder` if
    the lease was lost. The form holds the lease's `token`.

    Raises:
        Http404: no such report, or none that the person may read.
    """
    actor, now = actor_of(request), now_of(request)
    if oriented.get_case(actor=actor, report_id=report_id) is None:
        raise Http404
    held = orient.renew_claim(
        actor=actor, report_id=report_id, claim_token=token_of(request), now=now
    )
    if held is None:
        lost = {"held": False, "holder": _holder(request, report_id)}
        return JsonResponse(lost, status=HTTPStatus.CONFLICT)
    return JsonResponse({"held": True, "until": held.lease_until.isoformat()})


@require_POST
@needs("report.claim")
def release(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Release the report to the queue, then show the queue; nothing changes without the lease's token.

    Raises:
        Http404: no such report, or none that the person may read.
    """
    actor = actor_of(request)
    if oriented.get_case(actor=actor, report_id=report_id) is None:
        raise Http404
    released = orient.release_case(
        actor=actor, report_id=report_id, claim_token=token_of(request), now=now_of(request)
    )
    if released:
        messages.success(request, _("The report is back in the queue."))
        undo.offer(request, undo.RELEASE, report_id)
    return to_queue(request)


def token_of(request: HttpRequest) -> int:
    """Return the lease's fencing token in the form; -1, which no lease has, if it is missing or malformed."""
    token = whole_number(request.POST.get("token", ""), digits=9)
    return -1 if token is None else token


def _holder(request: HttpRequest, report_id: UUID) -> str:
    case = oriented.get_case(actor=actor_of(request), report_id=report_id)
    holder = case.held_by(now_of(request)) if case else None
    return person_names(person_ids=[holder]).get(holder, "") if holder else ""
