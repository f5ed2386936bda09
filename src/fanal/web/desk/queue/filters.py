"""A queue view and its filters, parsed from a query or form, and written as a query string.

The query of a report's page keeps the person's place: the view and filters through which they came.
"""

from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse

from fanal.formats.report.records import Channel, ReportKind
from fanal.orient.domain.records import QueueFilter, QueueView

FILTERS = ("kind", "channel", "level", "country")
LEVELS = ("DANGER", "HIGH", "NORMAL", "LOW")


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
    """Return the filters in a query: report kind, channel, priority level, country; invalid ones ignored.

    They are parameters of the query `asked`, such as `kind` and `level`.
    """

    def chosen(name: str, allowed: frozenset[str]) -> str | None:
        value = asked.get(name, "").strip()
        return value if value in allowed else None

    country = asked.get("country", "").strip().upper()
    return QueueFilter(
        kind=chosen("kind", frozenset(ReportKind)),
        channel=chosen("channel", frozenset(Channel)),
        level=chosen("level", frozenset(LEVELS)),
        country=country if len(country) == 2 and country.isascii() and country.isalpha() else None,
    )


def query_of(view: QueueView, filters: QueueFilter) -> str:
    """Return the query string of a view of the queue with its filters."""
    named = {name: value for name in FILTERS if (value := getattr(filters, name))}
    return urlencode({"view": view} | named)


def place_of(asked: QueryDict) -> str:
    """Return the query string of the view in which the person is, with `?`; "" without view and filter.

    Raises:
        Http404: there is no such view.
    """
    named = any(asked.get(name) for name in ("view", *FILTERS))
    return f"?{query_of(view_of(asked), filters_of(asked))}" if named else ""


def at_place(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Return the redirect to a report's page that keeps the person's place in the queue."""
    return redirect(reverse("desk:report", args=[report_id]) + place_of(request.GET))
