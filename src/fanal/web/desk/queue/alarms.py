"""Alarms (a child in danger), shown on every desk page and polled until someone acknowledges them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from django import template
from django.contrib import messages
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template import Context
from django.utils.translation import get_language, gettext as _, gettext_noop
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST
from msgspec import Struct

from fanal import reference
from fanal.accounts.domain.policy import may
from fanal.accounts.routes import needs
from fanal.connectors import mail
from fanal.db.closed import closed_logins
from fanal.formats.report.records import Place, PlaceRole
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import HarmonisedPlace
from fanal.judicial.emergency_call.acts import calls_to_make, take_alarms
from fanal.judicial.emergency_call.kind import EmergencyCallState
from fanal.kernel.calendar import PARIS
from fanal.kernel.refusal import Refusal
from fanal.orient import queries as oriented
from fanal.orient.alarms.operations.alarms import MUTED, mute_alarms
from fanal.orient.alarms.queries import (
    WaitingAlarm,
    WaitingAlarms,
    report_of_alarm,
    waiting_alarms,
)
from fanal.orient.domain.records import Alarm, CallState
from fanal.postgres import DatabaseRole
from fanal.web.account.actors import actor_of, now_of
from fanal.web.desk.queue.contents import victim_age
from fanal.web.failures import reason_of
from fanal.web.reading import consult

register = template.Library()
_SHOWN = 20
"""Most rows in the drawer; the page sends the alarms it has in its polling query."""
_DANGER = 95
"""Lowest priority of a report of a child in danger; that of one that the stages have not read yet."""
_READ = "fanal_alarms_read"
_MUTED = "fanal_alarms_muted"
_UNREADABLE = gettext_noop(
    "This report cannot be read yet: its sender has not finished it, or a step failed. "
    "Ask the sender at once."
)


class AlarmRow(Struct, frozen=True, kw_only=True):
    """The unacknowledged alarms of one report, as a row of the list of alarms on each page.

    `lead` is the first of them, `others` the ids of the others; `raised_at` is the time of the first,
    `escalated`: one of them was escalated. `call` is the delivery state of an alarm whose call (e-mail to the
    people on duty) fails, else that of `lead`. `age` (in years, of the youngest victim), `locality` and
    `country` are as the report states them; without a statement `age` is None, `locality` empty, and
    `country` that of the queue's row.
    """

    lead: WaitingAlarm
    others: tuple[UUID, ...]
    raised_at: datetime
    escalated: bool
    call: CallState | None
    age: int | None = None
    locality: str = ""
    country: str = ""

    @property
    def alarm(self) -> Alarm:
        """The first alarm of the report, which the row's button acknowledges."""
        return self.lead.alarm

    @property
    def count(self) -> int:
        """The number of unacknowledged alarms of the report."""
        return len(self.others) + 1


class CallRow(Struct, frozen=True, kw_only=True):
    """An emergency call that a person has yet to make, as a row of the list of alarms on each page.

    `since` is when it was opened. `missed`: somebody called and nobody answered. `age`, `locality`, `country`
    and `kind` are those of the report, None and empty where it does not state them or has not been processed.
    """

    call_id: UUID
    report_id: UUID
    since: datetime
    missed: bool
    age: int | None = None
    locality: str = ""
    country: str = ""
    kind: str = ""


class Ringing(Struct, frozen=True, kw_only=True):
    """The unacknowledged alarms at the person's desks, and the emergency calls to make, for a page.

    `rows` has one row a report, at most `_SHOWN`: the gravest, and the latest. `total` counts all (`more`: at
    least so many), `beyond` those left out; `oldest` is the time of the first alarm. `failing` is a row whose
    call (e-mail to the people on duty) fails, None without one. `known` is a digest of the state shown, for
    polling. `muted_until` is the end of the person's mute, None without. `may_acknowledge`: the person may
    acknowledge alarms. `calls` are the emergency calls to make on further reports, oldest first, at most
    `_SHOWN` of `to_call`; they make no sound.
    """

    rows: tuple[AlarmRow, ...]
    total: int
    more: bool
    beyond: int
    oldest: datetime | None
    failing: AlarmRow | None
    known: str
    muted_until: datetime | None
    may_acknowledge: bool
    calls: tuple[CallRow, ...] = ()
    to_call: int = 0

    @property
    def calls_beyond(self) -> int:
        """Number of emergency calls to make that are not among `calls`."""
        return self.to_call - len(self.calls)

    @property
    def muted_clock(self) -> str:
        """The hour, in Paris, at which the person's mute of the alarms ends; empty without a mute."""
        return f"{self.muted_until.astimezone(PARIS):%H:%M}" if self.muted_until else ""


@register.inclusion_tag("desk/alarms.html", takes_context=True)
def alarms_that_ring(context: Context) -> dict[str, object]:
    """Show the unacknowledged alarms on a page, as they are at page load (template tag).

    Alarms inserted after page load would move the page under a click. Keys of the context: `ringing`,
    `request`, `csrf_token`.
    """
    request: HttpRequest = context["request"]
    ringing = _ringing(request, waiting_alarms(actor=actor_of(request)))
    _note_reading(request, ringing)
    return {
        "ringing": _with_facts(request, ringing),
        "request": request,
        "csrf_token": context.get("csrf_token"),
    }


@register.simple_tag
def calls_reach_nobody() -> bool:
    """Return whether faulty mail settings prevent the delivery of alarm calls (e-mails to people on duty)."""
    return bool(mail.current().faults())


@register.simple_tag
def nodes_are_closed() -> bool:
    """Return whether the database refuses the login of the public nodes, so that no report arrives."""
    with connection.cursor() as cursor:
        return DatabaseRole.INTAKE.login in closed_logins(cursor)


@never_cache
@require_GET
@needs("report.list")
def alarms(request: HttpRequest) -> HttpResponse:
    """Show the unacknowledged alarms of the person's desks, as a fragment that pages poll.

    Answers 204 when the page shows them already: the query's `known` holds their digest.
    """
    ringing = _ringing(request, waiting_alarms(actor=actor_of(request)))
    if ringing.known == request.GET.get("known"):
        return HttpResponse(status=204)
    return _fragment(request, ringing)


@require_POST
@needs("alarm.acknowledge")
def acknowledge(request: HttpRequest, alarm_id: UUID) -> HttpResponse:
    """Acknowledge an alarm of a child in danger, which stops it for everyone, and go to its report.

    `also` in the form names further alarms of that report. An emergency call on the report is opened, to be
    made and recorded by a person, unless one is open already. If somebody else had acknowledged all these
    alarms, nothing changes, and a message says so. If the report cannot be read yet, go to the queue with a
    warning.

    Raises:
        Http404: no such alarm at the person's desks.
        Refused: the person may not acknowledge alarms at its desk.
    """
    actor, now = actor_of(request), now_of(request)
    report_id = report_of_alarm(actor=actor, alarm_id=alarm_id)
    if report_id is None:
        raise Http404
    try:
        taken = take_alarms(
            actor=actor,
            alarm_ids=[alarm_id, *_ids(request.POST.getlist("also"))],
            report_id=report_id,
            record=harmonised.get_records(actor=actor, report_ids=[report_id]).get(report_id),
            now=now,
        )
    except Refusal as refused:  # nothing is acknowledged: the alarm goes on
        messages.error(request, reason_of(refused))
        return redirect("desk:queue")
    if not taken:
        messages.info(request, _("Somebody else has already taken charge of this alert."))
    if oriented.get_case(actor=actor, report_id=report_id) is None:
        messages.warning(request, _(_UNREADABLE))
        return redirect("desk:queue")
    return redirect("desk:report", report_id=report_id)


@require_POST
@needs("alarm.acknowledge")
def mute(request: HttpRequest) -> HttpResponse:
    """Turn off the sound of the alarms that the page shows, for this person and five minutes, with a reason.

    The form's `why` is the reason, `known` the digest of the alarms on the page; a new alarm ends the mute at
    once. Answers a script with the fragment, any other request with the redirect to the queue.
    """
    actor, now = actor_of(request), now_of(request)
    waiting = waiting_alarms(actor=actor)
    seen = _seen(request, waiting)
    problem = ""
    try:
        muted = mute_alarms(
            actor=actor,
            alarm_ids=[alarm.id for alarm in seen],
            reason=request.POST.get("why", ""),
            now=now,
        )
    except Refusal as refusal:
        problem = reference.explain_refusal(refusal, get_language() or "fr")
    else:
        until = (now + MUTED).isoformat()
        request.session[_MUTED] = {"until": until, "known": [_tail(alarm_id) for alarm_id in muted]}
    if "HX-Request" not in request.headers:
        if problem:
            messages.error(request, problem)
        return redirect("desk:queue")
    return _fragment(request, _ringing(request, waiting), problem=problem)


def _fragment(request: HttpRequest, ringing: Ringing, *, problem: str = "") -> HttpResponse:
    shown = [row.alarm.report_id for row in ringing.rows]
    shown += [row.report_id for row in ringing.calls]
    consult(request, "report", shown, action="alarm.read")
    context = {"ringing": _with_facts(request, ringing), "problem": problem}
    return render(request, "desk/alarms.html", context)


def _note_reading(request: HttpRequest, ringing: Ringing) -> None:
    """Record in the ledger that the page shows facts of reports, unless the session has shown them before."""
    shown = [str(row.alarm.report_id) for row in ringing.rows if row.lead.score is not None]
    shown += [str(row.report_id) for row in ringing.calls]
    known = request.session.get(_READ, [])
    fresh = [UUID(report_id) for report_id in shown if report_id not in known]
    if fresh:
        consult(request, "report", fresh, action="alarm.read", aside=True)
        request.session[_READ] = shown


def _ringing(request: HttpRequest, waiting: WaitingAlarms) -> Ringing:
    """Return the alarms and emergency calls to show; age and place are still empty (`_with_facts` adds them).

    `waiting` are the unacknowledged alarms at the person's desks.
    """
    groups: dict[UUID, list[WaitingAlarm]] = {}
    for one in waiting.alarms:
        groups.setdefault(one.alarm.report_id, []).append(one)
    by_gravity = sorted((_row(group) for group in groups.values()), key=_gravity)
    latest = sorted(by_gravity[1:], key=lambda row: row.raised_at)[1 - _SHOWN :]
    rows = sorted([*by_gravity[:1], *latest], key=_gravity)
    beyond, until = len(by_gravity) - len(rows), _muted_until(request, waiting)
    shown = {row.alarm.report_id for row in rows}
    known = [_known(one) for one in waiting.alarms if one.alarm.report_id in shown]
    known += [f"{beyond}{'more' * waiting.more}"] if beyond else []
    known += [f"first{_tail(rows[0].alarm.id)}"] if len(rows) > 1 else []
    unsent = [row for row in by_gravity if row.call and (row.call.failing or row.call.partly)]
    known += ["unsent"] if unsent and not any(row in rows for row in unsent) else []
    known += ["mute"] if until else []
    calls, to_call = _calls(request, frozenset(groups))
    known += [f"c{to_call}"] if to_call > len(calls) else []
    known += [f"c{_tail(row.call_id)}{'m' * row.missed}" for row in calls]
    return Ringing(
        rows=tuple(rows),
        total=len(by_gravity),
        more=waiting.more,
        beyond=beyond,
        oldest=waiting.alarms[0].alarm.raised_at if waiting.alarms else None,
        failing=next(iter(sorted(unsent, key=_partly)), None),
        known="-".join(known),
        muted_until=until,
        may_acknowledge=may(actor_of(request), "alarm.acknowledge"),
        calls=calls,
        to_call=to_call,
    )


def _calls(request: HttpRequest, ringing: Collection[UUID]) -> tuple[tuple[CallRow, ...], int]:
    """Return emergency calls to make, as rows, and their number.

    Reports whose id is in `ringing`, since they have an unacknowledged alarm, are left out.
    """
    found, count = calls_to_make(actor=actor_of(request), but=ringing)
    rows = tuple(
        CallRow(
            call_id=act.id,
            report_id=act.subject_id,
            since=act.created_at,
            missed=act.state == EmergencyCallState.MISSED,
        )
        for act in found
    )
    return rows, count


def _row(group: Sequence[WaitingAlarm]) -> AlarmRow:
    lead = group[0]  # they come oldest first
    calls = [one.alarm.call for one in group if one.alarm.call]
    worst = [call for call in calls if call.failing] or [call for call in calls if call.partly]
    return AlarmRow(
        lead=lead,
        others=tuple(one.alarm.id for one in group[1:]),
        raised_at=lead.alarm.raised_at,
        escalated=any(one.alarm.escalated_at for one in group),
        call=worst[0] if worst else lead.alarm.call,
        country=lead.country,
    )


def _partly(row: AlarmRow) -> bool:
    return row.call is not None and row.call.partly


def _score(one: WaitingAlarm) -> int:
    return max(one.score or _DANGER, _DANGER)


def _gravity(row: AlarmRow) -> tuple[int, bool, datetime, UUID]:
    """Return the sort key of a row: highest priority, then readable reports, then the longest wait."""
    return -_score(row.lead), row.lead.score is None, row.raised_at, row.alarm.id


def _with_facts(request: HttpRequest, ringing: Ringing) -> Ringing:
    """Return the alarms with the age of the victim and the place in each row, by one query for all rows."""
    wanted = [row.alarm.report_id for row in ringing.rows if row.lead.score is not None]
    wanted += [row.report_id for row in ringing.calls]
    records = harmonised.get_record_fields(actor=actor_of(request), report_ids=wanted)
    stated = tuple(_stated(row, records.get(row.alarm.report_id)) for row in ringing.rows)
    calls = tuple(_call_stated(row, records.get(row.report_id)) for row in ringing.calls)
    return msgspec.structs.replace(ringing, rows=stated, calls=calls)


def _stated(row: AlarmRow, fields: dict[str, msgspec.Raw] | None) -> AlarmRow:
    if not fields:
        return row
    age, locality, country = _victim(fields)
    country = country if locality else country or row.country
    return msgspec.structs.replace(row, age=age, locality=locality, country=country)


def _call_stated(row: CallRow, fields: dict[str, msgspec.Raw] | None) -> CallRow:
    if not fields:
        return row
    age, locality, country = _victim(fields)
    return msgspec.structs.replace(
        row,
        age=age,
        locality=locality,
        country=country,
        kind=msgspec.json.decode(fields.get("kind", b'""'), type=str),
    )


def _victim(fields: dict[str, msgspec.Raw]) -> tuple[int | None, str, str]:
    """Return the age of the youngest victim, the locality and the country code that a report states.

    Locality and country are those of one place: the child's, else that of the facts, else that of a meeting;
    the first with a locality. The age is in years, None if not stated; the others are "" if not stated.
    """
    place = msgspec.json.decode(fields.get("place", b"null"), type=Place | None)
    stated = msgspec.json.decode(fields.get("places", b"[]"), type=list[HarmonisedPlace])
    child, meeting = (
        [one for one in stated if one.role is role] for role in (PlaceRole.CHILD, PlaceRole.MEETING)
    )
    places = [*child, *([place] if place else []), *meeting]
    named = [one for one in places if one.locality] or [one for one in places if one.country]
    town, land = (named[0].locality or "", named[0].country or "") if named else ("", "")
    return victim_age(fields), town, land


def _muted_until(request: HttpRequest, waiting: WaitingAlarms) -> datetime | None:
    """Return the end of the person's mute; None if there is no mute, or an alarm has come in since."""
    muted = request.session.get(_MUTED)
    if not muted or not waiting.alarms:
        return None
    until, now = datetime.fromisoformat(muted["until"]), now_of(request)
    if not now < until <= now + MUTED:  # a clock that was set back makes no mute longer
        return None
    return until if all(_tail(one.alarm.id) in muted["known"] for one in waiting.alarms) else None


def _seen(request: HttpRequest, waiting: WaitingAlarms) -> list[Alarm]:
    """Return the alarms listed on the form's page (by its digest `known`), and those that it only counts."""
    known = {part[:8] for part in request.POST.get("known", "").split("-")}
    shown = {row.alarm.report_id for row in _ringing(request, waiting).rows}
    return [
        one.alarm
        for one in waiting.alarms
        if one.alarm.report_id not in shown or _tail(one.alarm.id) in known
    ]


def _ids(texts: Sequence[str]) -> list[UUID]:
    found = []
    for text in texts[:100]:
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return found


def _tail(alarm_id: UUID) -> str:
    return alarm_id.hex[-8:]


def _known(one: WaitingAlarm) -> str:
    """Return a short text that changes with an alarm's displayed state.

    Pages poll with these texts of their alarms, so that the answer is empty while nothing has changed.
    """
    called = one.alarm.call
    how = "" if called is None else "f" * called.failing + "p" * called.partly
    unread = "u" if one.score is None else ""
    return f"{_tail(one.alarm.id)}{'e' if one.alarm.escalated_at else ''}{how}{unread}"
