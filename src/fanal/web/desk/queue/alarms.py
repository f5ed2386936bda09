"""Alarms (a child in danger), shown on every desk page and polled until someone acknowledges them."""

from collections.abc import Sequence
from uuid import UUID

from django import template
from django.contrib import messages
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template import Context
from django.utils.translation import gettext as _, gettext_noop
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from fanal.accounts.domain.policy import may
from fanal.accounts.routes import needs
from fanal.connectors import mail
from fanal.db.closed import closed_logins
from fanal.kernel.actors import Actor
from fanal.orient import queries as oriented
from fanal.orient.alarms.operations.alarms import acknowledge_alarm
from fanal.orient.alarms.queries import open_alarms, report_of_alarm
from fanal.orient.domain.records import Alarm
from fanal.postgres import DatabaseRole
from fanal.web.account.actors import actor_of, now_of
from fanal.web.reading import consult

register = template.Library()
_SHOWN = 20
"""Most recent alarms shown on a page; the page sends the ones it has in its polling query."""
_UNREADABLE = gettext_noop(
    "This report cannot be read yet: its sender has not finished it, or a step failed. "
    "Ask the sender at once."
)


@register.inclusion_tag("desk/alarms.html", takes_context=True)
def alarms_that_ring(context: Context) -> dict[str, object]:
    """Show the unacknowledged alarms on a page, as they are at page load (template tag).

    One that arrives later would move the page under a click. Keys of the context: `alarms`, `known` (their
    digest, for polling), `earlier`, `may_acknowledge`, `csrf_token`.
    """
    request: HttpRequest = context["request"]
    actor = actor_of(request)
    return {**_ringing(actor, _latest(actor)), "csrf_token": context.get("csrf_token")}


@register.simple_tag
def calls_reach_nobody() -> bool:
    """Return whether faulty mail settings keep alarm calls (e-mails for a child in danger) from arriving."""
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
    """Show the latest unacknowledged alarms of the person's desks, as a fragment that pages poll.

    Answers 204 when the page shows them already: the query's `known` holds their digest.
    """
    actor = actor_of(request)
    ringing = _latest(actor)
    found = _ringing(actor, ringing)
    if found["known"] == request.GET.get("known"):
        return HttpResponse(status=204)
    consult(request, "report", [alarm.report_id for alarm in ringing], action="alarm.read")
    return render(request, "desk/alarms.html", found)


@require_POST
@needs("alarm.acknowledge")
def acknowledge(request: HttpRequest, alarm_id: UUID) -> HttpResponse:
    """Acknowledge an alarm of a child in danger, which stops it for everyone, and go to its report.

    If the report cannot be read yet, go to the queue with a warning.

    Raises:
        Http404: no such alarm.
    """
    actor, now = actor_of(request), now_of(request)
    report_id = report_of_alarm(actor=actor, alarm_id=alarm_id)
    if report_id is None:
        raise Http404
    if not acknowledge_alarm(actor=actor, alarm_id=alarm_id, now=now):
        messages.info(request, _("Somebody else has already taken charge of this alert."))
    if oriented.get_case(actor=actor, report_id=report_id) is None:
        messages.warning(
            request,
            _(
                "This report cannot be read yet: its sender has not finished it, or a step failed. "
                "Ask the sender at once."
            ),
        )
        return redirect("desk:queue")
    return redirect("desk:report", report_id=report_id)


def _latest(actor: Actor) -> Sequence[Alarm]:
    return open_alarms(actor=actor, most=_SHOWN + 1)


def _ringing(actor: Actor, ringing: Sequence[Alarm]) -> dict[str, object]:
    found, earlier = ringing[-_SHOWN:], len(ringing) > _SHOWN
    known = "-".join(_known(alarm) for alarm in found)
    return {
        "alarms": found,
        "known": known + ("-more" if earlier else ""),
        "earlier": earlier,
        "may_acknowledge": may(actor, "alarm.acknowledge"),
    }


def _known(alarm: Alarm) -> str:
    """Return a short text that changes with an alarm's displayed state.

    Pages poll with these texts of their alarms, so that the answer is empty while nothing has changed.
    """
    called = alarm.call
    how = "" if called is None else "f" * called.failing + "p" * called.partly
    return f"{alarm.id.hex[-8:]}{'e' if alarm.escalated_at else ''}{how}"
