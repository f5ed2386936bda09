"""A view of the queue and its filters as an address or a form says them, and back."""

from urllib.parse import urlencode

from django.http import Http404, QueryDict

from fanal.formats.report.records import Channel, ReportKind
from fanal.orient.domain.records import QueueFilter, QueueView

FILTERS = ("kind", "channel", "level", "country")
LEVELS = ("DANGER", "HIGH", "NORMAL", "LOW")


def view_of(asked: QueryDict) -> QueueView:
    """Return the view that is asked for; the whole queue when none is named.

    Raises:
        Http404: there is no such view.
    """
    try:
        return QueueView(asked.get("view", QueueView.OPEN))
    except ValueError:
        raise Http404 from None


def filters_of(asked: QueryDict) -> QueueFilter:
    """Return the filters that are asked for; what makes no sense narrows nothing."""

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
    """Return the query that asks for a view with its filters."""
    named = {name: value for name in FILTERS if (value := getattr(filters, name))}
    return urlencode({"view": view} | named)
