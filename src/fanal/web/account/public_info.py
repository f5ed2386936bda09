"""Page on the emergency numbers and opening hours that public pages show, for the administrator."""

from datetime import date, time
from http import HTTPStatus

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from fanal.accounts.domain.public_info import (
    COUNTS_FOR,
    HIDEABLE,
    NUMBERS,
    Hours,
    LineVerdict,
    is_public,
    shown_numbers,
    unchecked_numbers,
)
from fanal.accounts.operations.public_info import check_number, set_hours
from fanal.accounts.queries.people import person_names
from fanal.accounts.queries.public_info import list_checks, opening_hours
from fanal.accounts.routes import needs
from fanal.kernel.calendar import paris_day, read_day
from fanal.kernel.refusal import Refusal
from fanal.kernel.typed import whole_number
from fanal.web.account.actors import actor_of, now_of
from fanal.web.components.public_info import forget, hours_words
from fanal.web.failures import reason_of
from fanal.web.forms import Parsed, PostedForm, text

_END_OF_DAY = ("24:00", "00:00")


def read_hour(typed: str) -> time | None:
    """Return the time in a text such as `22:00` or `22:00:00`; None for others. Seconds are ignored."""
    numbers = [whole_number(part, digits=2) for part in typed.strip().split(":")]
    if not 2 <= len(numbers) <= 3 or any(number is None for number in numbers):
        return None
    hour, minute = numbers[0] or 0, numbers[1] or 0
    return time(hour, minute) if hour < 24 and minute < 60 else None


class _NumberForm(PostedForm):
    """Form of the verdict on an emergency number (`LineVerdict`), with the source of the check."""

    refuses = "public"
    number = text()
    verdict = Parsed({str(one): one for one in LineVerdict}.get, "NUMBER")
    source = text()


def _closed(typed: str) -> list[date] | None:
    days = [_day(line.strip()) for line in typed.split("\n") if line.strip()]
    return [day for day in days if day] if all(days) else None


def _day(typed: str) -> date | None:
    """Return the day in a text such as `25/12/2026`, or in ISO 8601; None for any other text."""
    return read_day("-".join(reversed(typed.split("/"))) if "/" in typed else typed)


class _HoursForm(PostedForm):
    """Form of the opening hours: for each weekday its opening and closing, both empty for a closed day.

    `closed` are further closed days, one a line; `shown`: public pages show the hours.
    """

    refuses = "public"
    closed = Parsed(lambda typed: _closed(typed.replace("\r\n", "\n")), "DAYS")
    shown = Parsed({"1": True, "": False}.get, "HOURS")

    def days(self) -> list[Hours]:
        """Return the typed opening hours of the seven weekdays, Monday first.

        Raises:
            Refusal: HOURS: an hour is unreadable, or only one of a day's two is given.
        """
        return [self._day(number) for number in range(7)]

    def _day(self, number: int) -> Hours:
        opens, closes = (
            self.request.POST.get(f"{name}{number}", "").strip() for name in ("opens", "closes")
        )
        if not opens and not closes:
            return None
        begin, end = read_hour(opens), read_hour("00:00" if closes in _END_OF_DAY else closes)
        if begin is None or end is None:
            raise Refusal("public", "HOURS")
        last = 24 * 60 if closes in _END_OF_DAY else end.hour * 60 + end.minute
        return begin.hour * 60 + begin.minute, last


@never_cache
@require_GET
@needs("public.manage")
def show(request: HttpRequest) -> HttpResponse:
    """Show the emergency numbers with their checks, and the opening hours with what the public reads."""
    return _page(request)


@never_cache
@require_POST
@needs("public.manage")
def number(request: HttpRequest) -> HttpResponse:
    """Record a verdict on an emergency number, then redirect to the page; 422 if it is refused."""
    try:
        posted = _NumberForm(request).checked().cleaned_data
        check_number(actor=actor_of(request), now=now_of(request), **posted)
    except Refusal as refused:
        return _page(request, refused=refused)
    forget()
    messages.success(request, _("It is recorded: public pages follow within a minute."))
    return redirect("account_public")


@never_cache
@require_POST
@needs("public.manage")
def hours(request: HttpRequest) -> HttpResponse:
    """Record the opening hours, then redirect to the page; 422 if they are refused."""
    form = _HoursForm(request)
    try:
        posted = form.checked().cleaned_data
        set_hours(actor=actor_of(request), days=form.days(), now=now_of(request), **posted)
    except Refusal as refused:
        return _page(request, refused=refused)
    forget()
    messages.success(request, _("It is recorded: public pages follow within a minute."))
    return redirect("account_public")


def _page(request: HttpRequest, *, refused: Refusal | None = None) -> HttpResponse:
    actor, now = actor_of(request), now_of(request)
    checks, stored = list_checks(actor=actor), opening_hours()
    shown, due = shown_numbers(checks), unchecked_numbers(checks, now=now)
    names = person_names(person_ids={one.by_id for one in checks.values()})
    days = stored.days if stored else ()
    typed = "closed" in request.POST
    week = [
        (
            number,
            request.POST.get(f"opens{number}", "") if typed else _clock(days, number, 0),
            request.POST.get(f"closes{number}", "") if typed else _clock(days, number, 1),
        )
        for number in range(7)
    ]
    closed = "\n".join(f"{one:%d/%m/%Y}" for one in stored.closed) if stored else ""
    context = {
        "numbers": [
            {
                "number": one,
                "check": checks.get(one),
                "by": names.get(checks[one].by_id, "") if one in checks else "",
                "shown": one in shown,
                "due": one in due,
                "hideable": one in HIDEABLE,
            }
            for one in NUMBERS
        ],
        "due": due,
        "week": week,
        "closed": request.POST.get("closed", closed),
        "shown": request.POST.get("shown") == "1" if typed else bool(stored and stored.shown),
        "stored": stored,
        "public": is_public(stored, now=now),
        "until": stored.at + COUNTS_FOR if stored and stored.at else None,
        "words": hours_words(stored, today=paris_day(now)) if stored else None,
        "refused": reason_of(refused),
        "typed_number": request.POST.get("number", "") if refused else "",
        "typed_source": request.POST.get("source", "") if refused else "",
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK
    return render(request, "account_pages/public.html", context, status=status)


def _clock(days: tuple[Hours, ...], number: int, part: int) -> str:
    day = days[number] if days else None
    if day is None:
        return ""
    hour, minute = divmod(day[part] % (24 * 60), 60)
    return f"{hour:02d}:{minute:02d}"
