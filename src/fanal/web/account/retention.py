"""Page on retention: the last run of the expiry, legal holds in numbers, what expires next, each period.

It shows numbers over all desks, without any report, name or reason.
"""

from datetime import date, timedelta
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from fanal import reference
from fanal.accounts.queries.desks import desk_names
from fanal.accounts.routes import needs
from fanal.intake.queries.holds import count_holds
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import add_months, first_of_month, paris_day
from fanal.retention import GROUPS, forecast, last_run
from fanal.web.account.actors import actor_of, now_of
from fanal.web.components import words
from fanal.web.components.navigation import reachable

_LATE: Final = timedelta(hours=30)
"""Time after which a nightly run is missing."""


@never_cache
@require_GET
@needs("retention.read")
def retention(request: HttpRequest) -> HttpResponse:
    """Show the last erasure run, the holds by desk, the data that expire next, and the periods."""
    actor, now = actor_of(request), now_of(request)
    today, language = paris_day(now), get_language() or "fr"
    run = last_run(actor=actor, now=now)
    month, groups = first_of_month(today), forecast(actor=actor, now=now)
    context = {
        "run": run,
        "erased": [(name, run.erased[name]) for name in GROUPS if run.erased.get(name)]
        if run
        else [],
        "late": run is None or now - run.at > _LATE,
        "holds": _holds(actor, today),
        "holds_page": reachable("desk:holds", actor),
        "months": [
            words.month(add_months(month, count), language, short=True) for count in range(12)
        ],
        "groups": [one for one in groups if one.due or any(one.months)],
        "quiet": [one for one in groups if not (one.due or any(one.months))],
        "sources": _periods(today, language),
    }
    return render(request, "account_pages/retention.html", context)


def _holds(actor: Actor, today: date) -> list[dict[str, object]]:
    counted = count_holds(actor=actor, today=today)
    names = desk_names(desk_ids=counted)
    return [{"desk": names.get(desk_id, ""), "count": one} for desk_id, one in counted.items()]


def _periods(on: date, language: str) -> list[dict[str, object]]:
    """Return the sources of the retention classes in force on a day, each with the classes that rest on it.

    For the template: `source` (that of the reference data), `unchecked`, and `classes` as (label, value).
    """
    found: dict[str, dict[str, object]] = {}
    classes: dict[str, list[tuple[str, reference.Retention]]] = {}
    for entry in reference.load().in_force(reference.Retention, on):
        for source in entry.source[:1]:
            key = f"{source.title} {source.note} {entry.unchecked(on)}"
            found.setdefault(key, {"source": source, "unchecked": entry.unchecked(on)})
            classes.setdefault(key, []).append((entry.label.of(language), entry))
    return [{**one, "classes": classes[key]} for key, one in found.items()]
