"""Emergency numbers and opening hours on public pages, cached for half a minute to spare queries.

If they cannot be read, the numbers last read are shown, or all of them if none were, and no hours. A number
that an administrator removed because nobody answers it therefore does not return. Error pages show the
numbers too, even when the database is unavailable.
"""

import logging
import threading
import time
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from django import template
from django.template import Context
from django.utils.translation import get_language, gettext as _

from fanal import reference
from fanal.accounts.domain.public_info import (
    HIDEABLE,
    NUMBERS,
    WHOLE_DAY,
    OpeningHours,
    OpeningSpan,
    is_public,
    spans,
)
from fanal.accounts.queries.public_info import hidden_numbers, opening_hours
from fanal.kernel import clock
from fanal.kernel.calendar import paris_day

_KEPT_SECONDS: Final = 30.0
_WAIT_SECONDS: Final = 0.5
"""Longest wait for the first reading by another thread; then every number is shown."""
_AHEAD_DAYS: Final = 31
register = template.Library()
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    numbers: frozenset[str]
    hours: OpeningHours | None
    until: float


_ALL: Final = _Kept(numbers=frozenset(NUMBERS), hours=None, until=0.0)
_kept: dict[int, _Kept] = {}
_guard = threading.Lock()


def forget() -> None:
    """Clear the cached numbers and hours, after this process has changed them."""
    _kept.clear()


def _shown() -> _Kept:
    found = _kept.get(0)
    if found and time.monotonic() <= found.until:
        return found
    if not _guard.acquire(timeout=0 if found else _WAIT_SECONDS):
        return found or _ALL  # another thread reads it
    try:
        found = _kept.get(0)
        if found is None or time.monotonic() > found.until:
            found = _kept[0] = _read(found or _ALL)
        return found
    finally:
        _guard.release()


def _read(before: _Kept) -> _Kept:
    numbers, hours = before.numbers, None
    try:
        numbers = frozenset(NUMBERS) - (hidden_numbers() & HIDEABLE)
        hours = opening_hours()
    except Exception as failure:  # noqa: BLE001 - a public page shows the numbers whatever fails
        log.warning(
            "numbers and hours of the public pages are not read: %s", type(failure).__name__
        )
    return _Kept(numbers=numbers, hours=hours, until=time.monotonic() + _KEPT_SECONDS)


@register.simple_tag
def shown_numbers() -> frozenset[str]:
    """Return the codes of the emergency numbers that public pages show (template tag)."""
    return _shown().numbers


@register.inclusion_tag("components/opening_hours.html", takes_context=True)
def public_hours(context: Context) -> dict[str, object]:
    """Show the hours of the service and its next closed days; nothing if they are not shown or not checked.

    Returns the template's context: `lines` (sentences), `always` (day and night), `closed` (days).
    """
    now = getattr(context.get("request"), "now", None)
    instant = now if isinstance(now, datetime) else clock.now()
    hours = _shown().hours
    if hours is None or not is_public(hours, now=instant):
        return {"lines": [], "always": False, "closed": []}
    return hours_words(hours, today=paris_day(instant))


def hours_words(hours: OpeningHours, *, today: date) -> dict[str, object]:
    """Return the hours in words: `lines`, `always` (day and night), `closed` (days close to `today`)."""
    always = all(one == WHOLE_DAY for one in hours.days)
    near = [day for day in hours.closed if 0 <= (day - today).days <= _AHEAD_DAYS]
    return {
        "lines": [] if always else [_line(one) for one in spans(hours.days)],
        "always": always,
        "closed": near,
    }


def _line(span: OpeningSpan) -> str:
    language = "en" if (get_language() or "fr").startswith("en") else "fr"
    parts = {
        "first": reference.label("duty_weekday", str(span.first), language),
        "last": reference.label("duty_weekday", str(span.last), language),
        "opens": _hour(span.opens, language),
        "closes": _hour(span.closes, language),
    }
    if (span.opens, span.closes) == WHOLE_DAY:
        return (
            _("%(first)s, day and night") if span.first == span.last
            else _("%(first)s to %(last)s, day and night")
        ) % parts  # fmt: skip
    if span.first == span.last:
        return _("%(first)s, %(opens)s to %(closes)s") % parts
    return _("%(first)s to %(last)s, %(opens)s to %(closes)s") % parts


def _hour(minutes: int, language: str) -> str:
    hour, minute = divmod(minutes, 60)
    if language == "fr":
        return f"{hour}\u00a0h" + (f"\u00a0{minute:02d}" if minute else "")
    return f"{hour}:{minute:02d}"
