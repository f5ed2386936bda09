"""Annotations on pages of statistics: numbered marks in the charts, a list, and the forms of a supervisor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import cast
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from fanal import reference
from fanal.accounts.domain.policy import may
from fanal.accounts.routes import needs
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import PARIS, paris_day, read_day
from fanal.kernel.refusal import Refusal
from fanal.kernel.typed import identifier, split_address
from fanal.statistics.annotations import (
    LONGEST,
    Annotation,
    AnnotationKind,
    annotations,
    end_annotation,
    write_annotation,
)
from fanal.web.account.actors import actor_of, now_of
from fanal.web.components import words
from fanal.web.desk.statistics.panels import Panel, PanelChart
from fanal.web.failures import reason_of
from fanal.web.forms import Parsed, PostedForm


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartMark:
    """An annotation with its number on the page; `text` and `days` are words of the page's language.

    `kind` is an `AnnotationKind`; `first` and `last` are its days, both included. `by` is the name of its
    author, "" for a reader who may not annotate, and `id` its database id; they are "" and None for an
    annotation that the program makes itself.
    """

    number: int
    kind: str
    text: str
    days: str
    by: str
    id: UUID | None
    first: date
    last: date


class _AnnotationForm(PostedForm):
    """Form of an annotation."""

    refuses = "annotation"
    kind = Parsed({str(one): one for one in AnnotationKind}.get, "KIND")
    first = Parsed(read_day, "DAYS")
    last = Parsed(read_day, "DAYS", required=False)
    words = Parsed(lambda typed: " ".join(typed.split(" ")).strip(), "WORDS")


def marks_of(*, actor: Actor, since: date, until: date, lang: str) -> list[ChartMark]:
    """Return the annotations of the days from `since` to before `until`, numbered by their first day.

    Raises:
        Refused: the actor may not read statistics.
    """
    found = annotations(actor=actor, since=since, until=until)
    return [
        ChartMark(
            number=number,
            kind=one.kind,
            text=one.words or reference.label("annotation_code", one.code, lang),
            days=_days(one, lang),
            by=one.by,
            id=one.id,
            first=one.first,
            last=one.last,
        )
        for number, one in enumerate(found, start=1)
    ]


def marked(
    chart: Mapping[str, object], marks: Sequence[ChartMark], starts: Sequence[date], until: date
) -> dict[str, object]:
    """Return a chart's data with the marks of its labels, for `charts.js`.

    `starts` are the first days of the labels, in their order, `until` the day after the last label. A mark is
    drawn at each label in which its days fall, with the numbers of all marks there.
    """
    ends = [*starts[1:], until]
    found = [
        {"at": at, "text": ", ".join(str(one.number) for one in here)}
        for at, (begin, end) in enumerate(zip(starts, ends, strict=True))
        if (here := [one for one in marks if one.first < end and one.last >= begin])
    ]
    return {**chart, "marks": found}


def mark_panels(
    panels: Sequence[Panel], marks: Sequence[ChartMark], months: Sequence[date], until: date
) -> list[Panel]:
    """Return the panels, in their order, with the marks in each chart whose labels are the given months.

    `until` is the first day after the period. Panels with another chart, or none, are unchanged.
    """
    return [
        replace(panel, chart=cast("PanelChart", marked(panel.chart, marks, months, until)))
        if panel.chart
        and not panel.chart.get("horizontal")
        and len(panel.chart["labels"]) == len(months)
        else panel
        for panel in panels
    ]


def context_of(request: HttpRequest, marks: Sequence[ChartMark]) -> dict[str, object]:
    """Return the template context of the list of annotations and of its forms.

    Keys: `marks`, `annotates` (the reader may write annotations), `longest` (most characters of one),
    `today`, `kinds`, `typed` (empty values of the form), `here` (path and query of the page).
    """
    return {
        "marks": marks,
        "annotates": may(actor_of(request), "statistics.annotate"),
        "longest": LONGEST,
        "today": paris_day(now_of(request)),
        "kinds": list(AnnotationKind),
        "typed": {"words": "", "kind": "", "first": "", "last": ""},
        "here": request.get_full_path(),
    }


@never_cache
@require_POST
@needs("statistics.annotate")
def write(request: HttpRequest) -> HttpResponse:
    """Write an annotation, then redirect to the page it was written on.

    A refusal gives a page with the reason (status 422).
    """
    form = _AnnotationForm(request)
    try:
        typed = form.checked().cleaned_data
        last = typed.pop("last") or typed["first"]
        write_annotation(actor=actor_of(request), last=last, now=now_of(request), **typed)
    except Refusal as refused:
        return _refused(request, refused, form.typed)
    messages.success(request, _("The annotation is written."))
    return redirect(_back(request))


@never_cache
@require_POST
@needs("statistics.annotate")
def end(request: HttpRequest) -> HttpResponse:
    """Remove an annotation, then redirect to the page; if refused, show the reason (status 422)."""
    try:
        annotation_id = identifier(request.POST.get("annotation", ""))
        if annotation_id is None:
            raise Refusal("annotation", "GONE")
        end_annotation(actor=actor_of(request), annotation_id=annotation_id, now=now_of(request))
    except Refusal as refused:
        return _refused(request, refused, {})
    messages.success(request, _("The annotation is removed."))
    return redirect(_back(request))


def _refused(request: HttpRequest, refused: Refusal, typed: Mapping[str, object]) -> HttpResponse:
    context = {
        **context_of(request, ()),
        "here": _back(request),
        **({"typed": typed} if typed else {}),
        "refused": reason_of(refused),
    }
    return render(request, "statistics/annotation.html", context, status=422)


def _back(request: HttpRequest) -> str:
    """Return the URL of the section on annotations of the statistics page that the form names (`here`).

    If it names none, or an address outside the statistics, the URL is that of their first page.
    """
    here = request.POST.get("here", "")
    safe = url_has_allowed_host_and_scheme(here, allowed_hosts=None)
    parts = split_address(here) if safe else None
    path = here if parts and "/statistics/" in parts.path else ""
    return f"{path or reverse('desk:statistics')}#annotations"


def _days(one: Annotation, lang: str) -> str:
    """Return the days of an annotation in words, with the hours of an outage."""
    if one.since and one.until:
        since, until = (at.astimezone(PARIS) for at in (one.since, one.until))
        first = f"{words.day(since, lang, today=one.last)}, {since:%H:%M}"
        last = (
            f"{until:%H:%M}"
            if one.first == one.last
            else f"{words.day(until, lang, today=one.last)}, {until:%H:%M}"
        )
        return f"{first} – {last}"
    first = words.day(one.first, lang, today=one.last)
    return (
        first
        if one.first == one.last
        else f"{first} – {words.day(one.last, lang, today=one.first)}"
    )
