"""A queue view and its filters: parsed from a query or form, written as a query string, and their choices.

The query of a report's page keeps the view and filters through which the person came. On the queue's page
each filter has a field with choices, and a chip (a small label with a link that removes it) if it is set.
Senders and people in charge are offered, and named, only if a row that the person may list has them. `asked`
is the query of an address or a posted form. `filters` are the present ones, `names` the names of senders and
people in charge by id.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from msgspec import Struct

from fanal import reference
from fanal.accounts.queries.people import partner_names, person_names
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import read_day
from fanal.kernel.texts import alphabetical
from fanal.orient.domain.filters import (
    AGES,
    ME,
    NAMES,
    NOBODY,
    NONE,
    PUBLIC,
    RECEIVED,
    Conversation,
    QueueSort,
    filters_from,
    stated_by,
)
from fanal.orient.domain.records import QueueFilter, QueueView
from fanal.orient.queue.queries import count_without, holders_of, senders_of


def view_of(asked: QueryDict) -> QueueView:
    """Return the queue view that a query names (`view`), by default the open queue.

    Raises:
        Http404: there is no such view.
    """
    try:
        return QueueView(asked.get("view", QueueView.OPEN))
    except ValueError:
        raise Http404 from None


def filters_of(asked: QueryDict) -> QueueFilter:
    """Return the filters and the order in a query or form; invalid ones are ignored."""
    return filters_from({name: asked.get(name, "") for name in NAMES})


def query_of(view: QueueView, filters: QueueFilter) -> str:
    """Return the query string of a view of the queue with its filters and its order."""
    return urlencode({"view": view} | stated_by(filters))


def place_of(asked: QueryDict) -> str:
    """Return the query string (with `?`) of the queue view from which the person came; "" for none.

    Raises:
        Http404: there is no such view.
    """
    named = any(asked.get(name) for name in ("view", *NAMES))
    return f"?{query_of(view_of(asked), filters_of(asked))}" if named else ""


def at_place(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Return the redirect to a report's page with the query of the view from which the person came.

    Raises:
        Http404: the query names no such view.
    """
    return redirect(reverse("desk:report", args=[report_id]) + place_of(request.GET))


_DAYS = ("since", "until")
_GROUPS = {
    "kind": "report_kind",
    "channel": "channel",
    "level": "level",
    "country": "country",
    "departement": "departement",
    "language": "language",
}
"""Groups of labels by filter; the codes of the other filters are in `_OWN_GROUP`."""
_OWN_GROUP = "queue_value"
_BY_NAME = frozenset({"country", "language"})
_CODES: Mapping[str, Sequence[str]] = {
    "age": [*AGES, NONE],
    "conversation": [*Conversation],
    "received": [*RECEIVED],
    "sort": [*QueueSort],
}
_SELECTED = format_html("{}", " selected")
Options = Sequence[tuple[str, str]]


class FilterField(Struct, frozen=True, kw_only=True):
    """A field of the filter form: name, label, and present `value`, "" for none.

    `options` is the HTML of its choices, None for the field of a day, which is typed.
    """

    name: str
    label: str
    value: str
    options: SafeString | None = None


class Chip(Struct, frozen=True, kw_only=True):
    """A small label that shows a filter which is set (or the order), with a link that removes it.

    `label` and `value` are in words, `without` is the query of the view without the filter. `count` is the
    number of reports that the view then has, if it was counted (`hints_of`), else 0.
    """

    name: str
    label: str
    value: str
    without: str
    count: int = 0


class Named(Struct, frozen=True, kw_only=True):
    """Names for the choices of the filters, by id and in alphabetical order.

    `senders` are those of reports, `holders` people in charge; only of rows that the person may list.
    """

    senders: Mapping[UUID, str]
    holders: Mapping[UUID, str]


def named_for(*, actor: Actor) -> Named:
    """Return the names of senders, and of other people in charge, of the rows that the actor may list."""
    return Named(
        senders=_sorted(partner_names(partner_ids=senders_of(actor=actor))),
        holders=_sorted(person_names(person_ids=holders_of(actor=actor))),
    )


def fields_of(filters: QueueFilter, names: Named) -> list[FilterField]:
    """Return the fields of the filter form, in their order, with the present values of `filters`."""
    stated = stated_by(filters)
    return [
        FilterField(
            name=name,
            label=reference.label("queue_filter", name, _language()),
            value=stated.get(name, ""),
            options=None if name in _DAYS else _options(name, stated.get(name, ""), names),
        )
        for name in NAMES
    ]


def chips_of(view: QueueView, filters: QueueFilter, names: Named) -> list[Chip]:
    """Return a chip for each filter that is set and for the order, as links to the view without it."""
    stated = stated_by(filters)
    return [
        Chip(
            name=name,
            label=reference.label("queue_filter", name, _language()),
            value=_words(name, value, names),
            without=urlencode({"view": view} | {k: v for k, v in stated.items() if k != name}),
        )
        for name, value in stated.items()
    ]


def hints_of(
    chips: Iterable[Chip], *, actor: Actor, view: QueueView, filters: QueueFilter, now: datetime
) -> list[Chip]:
    """Return the chips of an empty view whose removal would show reports, with their number (`count`).

    In the order of `chips`.
    """
    counts = count_without(actor=actor, view=view, filters=filters, now=now)
    return [
        Chip(name=c.name, label=c.label, value=c.value, without=c.without, count=count)
        for c in chips
        if (count := counts.get(c.name, 0))
    ]


def _options(name: str, value: str, names: Named) -> SafeString:
    """Return the options of a filter as HTML, with the one that is set selected."""
    if name in _GROUPS:
        return _fixed(name, value, _language())
    choices = list(_choices(name, names))
    if value and value not in dict(choices):
        choices.append((value, _words(name, value, names)))
    return _html(choices, value)


def _choices(name: str, names: Named) -> Options:
    if name == "sender":
        return [(PUBLIC, _own(PUBLIC)), *((str(key), text) for key, text in names.senders.items())]
    if name == "holder":
        people = ((str(key), text) for key, text in names.holders.items())
        return [(NOBODY, _own(NOBODY)), (ME, _own(ME)), *people]
    return [(code, _own(code)) for code in _CODES[name]]


@lru_cache(maxsize=1000)
def _fixed(name: str, value: str, language: str) -> SafeString:
    """Return the options of a filter with fixed codes as HTML; they are several hundred."""
    group = _GROUPS[name]
    codes = [c for c in reference.load().words.codes(group) if name != "country" or len(c) == 2]
    if value and value not in {*codes, NONE}:
        codes.append(value)
    choices = [(code, _labelled(name, code, language)) for code in codes]
    if name in _BY_NAME:
        choices.sort(key=lambda choice: alphabetical(choice[1]))
    if name == "language":
        choices.insert(0, (NONE, reference.label(_OWN_GROUP, NONE, language)))
    return _html(choices, value)


def _html(choices: Options, value: str) -> SafeString:
    options = ((code, _SELECTED if code == value else "", text) for code, text in choices)
    return format_html_join("", '<option value="{}"{}>{}</option>', options)


def _words(name: str, value: str, names: Named) -> str:
    """Return the value of a filter in words; "unknown" for an id in no row that the person may list."""
    if name in _DAYS and (day := read_day(value)):
        return date_format(day, "j F Y")
    if name in {"sender", "holder"} and value not in {PUBLIC, ME, NOBODY}:
        known = names.senders if name == "sender" else names.holders
        return known.get(UUID(value)) or _own("UNKNOWN")
    if name in _GROUPS and value != NONE:
        return _labelled(name, value, _language())
    return _own(value)


def _labelled(name: str, code: str, language: str) -> str:
    text = reference.label(_GROUPS[name], code, language)
    return f"{code} – {text}" if name == "departement" else text


def _own(code: str) -> str:
    return reference.label(_OWN_GROUP, code, _language())


def _language() -> str:
    return get_language() or "fr"


def _sorted(names: Mapping[UUID, str]) -> dict[UUID, str]:
    return dict(sorted(names.items(), key=lambda pair: alphabetical(pair[1])))
