"""Numbers of waiting items, for the wall board of the operations room and for the menu.

The board shows no name, text or number of a report, since visitors can see it: only how many reports wait,
and since when.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET
from msgspec import Struct

from fanal.accounts.routes import needs
from fanal.casework.domain.inbox import InboxTab
from fanal.casework.domain.lifecycle import Lifecycle
from fanal.casework.queries import count_inbox, count_states
from fanal.connectors import mail
from fanal.intake.queries.work import count_work
from fanal.judicial.emergency_call.acts import calls_to_make
from fanal.judicial.queries import REFERRALS
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import PARIS
from fanal.measures.blocking.kind import BLOCKING
from fanal.measures.blocking.mirrors.kind import MIRROR
from fanal.measures.dereferencing.kind import DEREFERENCING
from fanal.measures.notice.kind import NOTICE
from fanal.measures.removal.kind import REMOVAL
from fanal.orient.alarms.queries import calls_alive, waiting_alarms
from fanal.orient.domain.records import QueueView
from fanal.orient.notifications.queries import count_unseen
from fanal.orient.queue.queries import COUNT_CAP, count_arrivals_by_hour, count_views
from fanal.web.account.actors import actor_of, now_of
from fanal.web.desk.queue.alarms import nodes_are_closed

HOURS = 24
_TALLEST = 40  # units of the bar of the fullest hour
_APPROVED_BY_TWO: Sequence[Lifecycle] = (REMOVAL, BLOCKING, MIRROR, DEREFERENCING, NOTICE)


class Tile(Struct, frozen=True, kw_only=True):
    """A figure of the wall board: its `number`, its label (`words`), the page that lists the items (`href`).

    `tone`: `danger` or `warn` if somebody must act, else empty. `since`: the time of the oldest item, None if
    not shown. `capped`: the number is a lower bound.
    """

    number: int
    words: str | Promise
    href: str
    tone: str = ""
    since: datetime | None = None
    capped: bool = False


class Hour(Struct, frozen=True, kw_only=True):
    """A bar of the chart of reports received by hour.

    `name` is the beginning of the hour in Paris ("14"), `number` that of the reports, `height` that of the
    bar in the chart's units.
    """

    name: str
    number: int
    height: int

    @property
    def below(self) -> int:
        """The distance of the bar's upper end from the top of the chart, in the chart's units."""
        return _TALLEST - self.height


class Health(Struct, frozen=True, kw_only=True):
    """A part of the platform on which the desk relies (its name in `words`), and whether it works."""

    words: str | Promise
    works: bool


@never_cache
@require_GET
@needs("report.list")
def wall(request: HttpRequest) -> HttpResponse:
    """Show the wall board; for the board's own requests (header `HX-Request`), only the part that changes."""
    actor, now = actor_of(request), now_of(request)
    hours = _hours(actor, now)
    context = {
        "tiles": _tiles(actor, now),
        "hours": hours,
        "arrived": sum(hour.number for hour in hours),
        "tallest": _TALLEST,
        "health": _health(),
        "work": _in_work(),
        "at": now,
        "clock": f"{now.astimezone(PARIS):%H:%M:%S}",
    }
    part = "HX-Request" in request.headers
    return render(request, "desk/wall_figures.html" if part else "desk/wall.html", context)


@never_cache
@require_GET
@needs("report.list")
def menu_counts(request: HttpRequest) -> HttpResponse:
    """Show the numbers of waiting items in the menu, as a fragment that every page of the desk loads."""
    actor, now = actor_of(request), now_of(request)
    counted = count_views(actor=actor, now=now, cap=COUNT_CAP + 1).views
    _calls, to_call = calls_to_make(actor=actor)
    referrals = count_inbox(actor=actor, inbox=REFERRALS, now=now)[InboxTab.TO_SEND]
    counts = {
        "desk-queue": counted[QueueView.OPEN],
        "desk-emergency_calls": to_call,
        "desk-second": _to_approve(actor).number,
        "desk-referrals": referrals.acts,
        "notifications": count_unseen(actor=actor),
    }
    return render(request, "desk/menu_counts.html", {"counts": counts, "cap": COUNT_CAP})


def _tiles(actor: Actor, now: datetime) -> list[Tile]:
    waiting = waiting_alarms(actor=actor)
    rings = {one.alarm.report_id for one in waiting.alarms}
    _calls, to_call = calls_to_make(actor=actor, but=rings)
    views = count_views(actor=actor, now=now, cap=COUNT_CAP + 1).views
    queue = reverse("desk:queue")

    def view_tile(view: QueueView, words: Promise, tone: str) -> Tile:
        number = views.get(view, 0)
        return Tile(
            number=min(number, COUNT_CAP),
            words=words,
            href=f"{queue}?view={view}",
            tone=tone if number else "",
            capped=number > COUNT_CAP,
        )

    return [
        Tile(
            number=len(waiting.alarms),
            words=_("Alerts to take"),
            href=f"{queue}?view={QueueView.DANGER}",
            tone="danger" if waiting.alarms else "",
            since=min((one.alarm.raised_at for one in waiting.alarms), default=None),
            capped=waiting.more,
        ),
        Tile(
            number=to_call,
            words=_("Emergency calls to make"),
            href=reverse("desk:emergency_calls"),
            tone="danger" if to_call else "",
        ),
        view_tile(QueueView.DANGER, _("Children in danger, to decide"), "danger"),
        view_tile(QueueView.LATE, _("Late reports"), "danger"),
        view_tile(QueueView.ANSWERED, _("Unread answers"), "warn"),
        _to_approve(actor),
        view_tile(QueueView.OPEN, _("Reports in the queue"), ""),
    ]


def _to_approve(actor: Actor) -> Tile:
    """Return the tile with the number of official acts that await a second person.

    Acts that the person may not read are not counted.
    """
    number = sum(
        count_states(actor=actor, lifecycle=kind).get("TO_SECOND", 0) for kind in _APPROVED_BY_TWO
    )
    return Tile(
        number=number,
        words=_("Awaiting a second person"),
        href=reverse("desk:second"),
        tone="warn" if number else "",
    )


def _hours(actor: Actor, now: datetime) -> list[Hour]:
    """Return the reports received in each of the last 24 clock hours, the present one last."""
    begins = now.replace(minute=0, second=0, microsecond=0)
    starts = [begins - timedelta(hours=back) for back in reversed(range(HOURS))]
    counts = count_arrivals_by_hour(actor=actor, since=starts[0], now=now)
    most = max(counts.values(), default=1)
    return [
        Hour(
            name=f"{start.astimezone(PARIS):%H}",
            number=(number := counts.get(start, 0)),
            height=max(1, _TALLEST * number // most) if number else 0,
        )
        for start in starts
    ]


def _health() -> list[Health]:
    return [
        Health(words=_("Calls by mail are set up"), works=not mail.current().lacks()),
        Health(words=_("The process that calls is alive"), works=calls_alive()),
        Health(words=_("Public servers reach the database"), works=not nodes_are_closed()),
    ]


def _in_work() -> dict[str, int]:
    """Return the number of reports in processing (`stages`) and in `quarantine`, at all desks together."""
    counts = count_work()
    aside = counts.pop("QUARANTINE", 0)
    return {"stages": sum(counts.values()), "quarantine": aside}
