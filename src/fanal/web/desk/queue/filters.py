"""A queue view and its filters, parsed from a query or form, and written as a query string.

The query of a report's page keeps the person's place: the view and filters through which they came.
"""

from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse

from fanal.orient.domain.filters import NAMES, filters_from, stated_by
from fanal.orient.domain.records import QueueFilter, QueueView


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
    """Return the query string of the view in which the person is, with `?`; "" without view and filter.

    Raises:
        Http404: there is no such view.
    """
    named = any(asked.get(name) for name in ("view", *NAMES))
    return f"?{query_of(view_of(asked), filters_of(asked))}" if named else ""


def at_place(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Return the redirect to a report's page that keeps the person's place in the queue."""
    return redirect(reverse("desk:report", args=[report_id]) + place_of(request.GET))
