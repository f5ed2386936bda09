"""Pages on the duty roster of a desk: people to call for an alarm and their hours, gaps, test calls."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from http import HTTPStatus
from typing import Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from fanal.accounts.domain.duty import (
    AHEAD,
    FIRST,
    THEN,
    ZONES,
    DutyKind,
    Gap,
    NewDuty,
    Shift,
    gaps,
    shifts,
    state_of_roster,
)
from fanal.accounts.domain.policy import Resource, allows, require
from fanal.accounts.operations.duty import add_duty, end_duty
from fanal.accounts.operations.mail_tests import ask_test_call
from fanal.accounts.queries.duty import (
    desks_with_roster,
    list_duty,
    people_for_duty,
)
from fanal.accounts.queries.mail_tests import list_test_calls
from fanal.accounts.queries.people import person_names
from fanal.accounts.routes import needs
from fanal.connectors import mail
from fanal.kernel.calendar import PARIS, paris_day, read_day
from fanal.kernel.refusal import Refusal
from fanal.kernel.typed import identifier, whole_number
from fanal.web.account.actors import actor_of, now_of
from fanal.web.account.public_info import read_hour
from fanal.web.failures import reason_of
from fanal.web.forms import Parsed, PostedForm, Several, text

_MOST: Final = 2**31 - 1
_SHOWN_GAPS: Final = 5
_SHOWN_TESTS: Final = 5
_DAY: Final = timedelta(days=1)
_WIDTH: Final = 1440


class _DutyForm(PostedForm):
    """Form of a line of a desk's duty roster (`NewDuty`)."""

    refuses = "duty"
    kind = Parsed({str(one): one for one in DutyKind}.get, "DAYS")
    rank = Parsed(partial(whole_number, digits=1), "HOURS", required=False)
    person_id = Parsed(identifier, "WHO", posted="person", required=False)
    name = text()
    address = text()
    zone = Parsed({zone: zone for zone in ZONES}.get, "HOURS")
    weekdays = Several({str(number): number for number in range(7)}.get, "DAYS", required=False)
    first_day = Parsed(read_day, "HOURS", posted="from")
    last_day = Parsed(read_day, "HOURS", posted="until", required=False)
    starts = Parsed(read_hour, "HOURS")
    ends = Parsed(read_hour, "HOURS")

    def line(self) -> NewDuty:
        """Return the line of the duty roster that was typed.

        Raises:
            Refusal: a field is unreadable.
        """
        read = self.checked().cleaned_data
        weekly = read["kind"] is DutyKind.WEEKLY
        days = frozenset(read["weekdays"]) if weekly else frozenset()
        return NewDuty(**{**read, "rank": read["rank"] or FIRST, "weekdays": days})


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterDay:
    """A day of the roster on the page (Europe/Paris): its shifts and gaps.

    `shifts` are (beginning, end, shift) and `gaps` (beginning, end), with hours as text (`22:00`). `bars`
    draw both: (x, width, kind), in minutes of the day; the kind is `on`, `then` (a later rank) or `gap`.
    """

    day: date
    shifts: Sequence[tuple[str, str, Shift]]
    gaps: Sequence[tuple[str, str]]
    bars: Sequence[tuple[int, int, str]]


@never_cache
@require_GET
@needs("duty.read")
def listing(request: HttpRequest) -> HttpResponse:
    """List the desks whose roster the reader may see, with their gaps; redirect if there is only one."""
    actor, now = actor_of(request), now_of(request)
    desks = desks_with_roster(actor=actor)
    if len(desks) == 1:
        return redirect("account_duty_desk", next(iter(desks)))
    states = []
    for desk_id, desk in desks.items():
        lines = list_duty(actor=actor, desk_id=desk_id, now=now)
        states.append(state_of_roster(lines, desk_id=desk_id, desk=desk, now=now))
    return render(request, "account_pages/duty.html", {"states": states})


@never_cache
@require_GET
@needs("duty.read")
def show(request: HttpRequest, roster_desk: int) -> HttpResponse:
    """Show the roster of a desk: who is called now, the gaps and shifts of two weeks, its lines.

    Raises:
        Http404: no open desk of the reader's has this number.
    """
    return _page(request, roster_desk)


@never_cache
@require_POST
@needs("duty.manage")
def add(request: HttpRequest, roster_desk: int) -> HttpResponse:
    """Add a line to a desk's duty roster, then redirect to its page; 422 if it is refused.

    Raises:
        Http404: no open desk of the reader's has this number.
        Refused: the person may not keep this desk's roster.
    """
    _desk(request, roster_desk)
    require(actor_of(request), "duty.manage", Resource(desk_id=roster_desk))
    try:
        line = _DutyForm(request).line()
        add_duty(actor=actor_of(request), desk_id=roster_desk, line=line, now=now_of(request))
    except Refusal as refused:
        return _page(request, roster_desk, refused=refused)
    messages.success(request, _("The roster is changed: it counts within seconds."))
    return redirect("account_duty_desk", roster_desk)


@never_cache
@require_POST
@needs("duty.manage")
def end(request: HttpRequest, roster_desk: int) -> HttpResponse:
    """Remove a line from a desk's duty roster, then redirect to its page; 422 if it is refused.

    Raises:
        Http404: no open desk of the reader's has this number.
        Refused: the person may not keep this desk's roster.
    """
    _desk(request, roster_desk)
    require(actor_of(request), "duty.manage", Resource(desk_id=roster_desk))
    try:
        line_id = identifier(request.POST.get("line", ""))
        if line_id is None:
            raise Refusal("duty", "GONE")
        end_duty(actor=actor_of(request), desk_id=roster_desk, line_id=line_id, now=now_of(request))
    except Refusal as refused:
        return _page(request, roster_desk, refused=refused)
    messages.success(request, _("The line is removed."))
    return redirect("account_duty_desk", roster_desk)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@needs("duty.read", POST="duty.test")
def test_call(request: HttpRequest, roster_desk: int) -> HttpResponse:
    """Show the test calls (GET), or ask for one (POST) and redirect to the roster; 422 if refused.

    The roster's page itself renews only its part (`HX-Request`).

    Raises:
        Http404: no open desk of the reader's has this number.
        Refused: the person may not test the calls of this desk.
    """
    _desk(request, roster_desk)
    if request.method != "POST":
        if "HX-Request" not in request.headers:
            return redirect("account_duty_desk", roster_desk)
        return render(request, "account_pages/duty_test.html", _tests(request, roster_desk))
    try:
        ask_test_call(actor=actor_of(request), desk_id=roster_desk, now=now_of(request))
    except Refusal as refused:
        return _page(request, roster_desk, refused=refused)
    messages.success(request, _("The test call is asked for: its answer appears below."))
    return redirect(f"{reverse('account_duty_desk', args=[roster_desk])}#test")


def _desk(request: HttpRequest, desk_id: int) -> str:
    desks = desks_with_roster(actor=actor_of(request))
    if desk_id > _MOST or desk_id not in desks:
        raise Http404
    return desks[desk_id]


def _page(request: HttpRequest, desk_id: int, *, refused: Refusal | None = None) -> HttpResponse:
    actor, now = actor_of(request), now_of(request)
    desk, lines = _desk(request, desk_id), list_duty(actor=actor, desk_id=desk_id, now=now)
    state = state_of_roster(lines, desk_id=desk_id, desk=desk, now=now)
    coming = shifts(lines, since=now, until=now + AHEAD)
    manages = allows(actor, "duty.manage", Resource(desk_id=desk_id)).allowed
    form = _DutyForm(request)
    context: dict[str, object] = {
        "state": state,
        "desk_number": desk_id,
        "several": len(desks_with_roster(actor=actor)) > 1,
        "gaps": state.gaps[:_SHOWN_GAPS],
        "more_gaps": max(0, len(state.gaps) - _SHOWN_GAPS),
        "now_first": [one for one in coming if one.since <= now < one.until and one.rank == FIRST],
        "now_then": [one for one in coming if one.since <= now < one.until and one.rank == THEN],
        "settings": len(mail.current().duty),
        "days": list(_days(coming, now)) if state.has_lines else [],
        "lines": lines,
        "manages": manages,
        "people": people_for_duty(actor=actor, desk_id=desk_id, now=now) if manages else [],
        "weekdays": range(7),
        "zones": ZONES,
        "today": paris_day(now),
        "typed": {**form.typed, "weekdays": request.POST.getlist("weekdays")},
        "refused": reason_of(refused),
        **_tests(request, desk_id),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK
    return render(request, "account_pages/duty_desk.html", context, status=status)


def _tests(request: HttpRequest, desk_id: int) -> Mapping[str, object]:
    actor, now = actor_of(request), now_of(request)
    tests = list_test_calls(actor=actor, desk_id=desk_id, since=now - _DAY)[:_SHOWN_TESTS]
    names = person_names(person_ids={one.person_id for one in tests})
    states = {True: "WAITING", False: "NO_ANSWER"}
    return {
        "desk_number": desk_id,
        "tests": [
            (one, names.get(one.person_id, ""), one.result or states[one.is_under_way(now)])
            for one in tests
        ],
        "waits": any(one.is_under_way(now) for one in tests),
        "may_test": allows(actor, "duty.test", Resource(desk_id=desk_id)).allowed,
    }


def _days(coming: Sequence[Shift], now: datetime) -> Iterator[RosterDay]:
    """Yield the days of the two weeks from `now` (Europe/Paris), with the shifts and gaps in each."""
    until, first = now + AHEAD, paris_day(now)
    missing = gaps(coming, since=now, until=until)
    for number in range(AHEAD.days + 1):
        day = first + number * _DAY
        begin, end = (
            datetime.combine(day + ahead, time(), PARIS) for ahead in (timedelta(0), _DAY)
        )
        mine = [one for one in coming if one.since < end and one.until > begin]
        holes = [one for one in missing if one.since < end and one.until > begin]
        bars = [
            *(_bar(one, begin, end, "on" if one.rank == FIRST else "then") for one in mine),
            *(_bar(one, begin, end, "gap") for one in holes),
        ]
        yield RosterDay(
            day=day,
            shifts=[(*_hours(one, begin, end), one) for one in mine],
            gaps=[_hours(one, begin, end) for one in holes],
            bars=bars,
        )


def _hours(one: Shift | Gap, begin: datetime, end: datetime) -> tuple[str, str]:
    since = f"{one.since.astimezone(PARIS):%H:%M}" if one.since > begin else "00:00"
    until = f"{one.until.astimezone(PARIS):%H:%M}" if one.until < end else "24:00"
    return since, until


def _bar(one: Shift | Gap, begin: datetime, end: datetime, kind: str) -> tuple[int, int, str]:
    whole = (end.timestamp() - begin.timestamp()) / _WIDTH
    x = max(0, round((one.since.timestamp() - begin.timestamp()) / whole))
    last = min(_WIDTH, round((one.until.timestamp() - begin.timestamp()) / whole))
    return x, max(1, last - x), kind
