"""Write operations of statistics: daily counts of past days, and public figures."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta

from django.db import transaction

from fanal.accounts.domain.policy import require
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import add_months, first_of_month, months_until, paris_day, start_of_day
from fanal.ledger import operations as ledger
from fanal.measures.blocking.kind import BEFORE_LISTING, BlockingState
from fanal.statistics import models, queries
from fanal.statistics.domain.tabular import hide_small

RECOUNTED = 400
"""Number of days counted again each night; older days keep their counts."""

RECENT = 3
"""Number of days counted again at each run."""

PUBLIC_MONTHS = 25
_INSIDE: Mapping[str, Collection[str]] = {
    "BLOCKED": {*BEFORE_LISTING, BlockingState.WITHDRAWN},
}
"""States of a public figure's acts that are not published: those in which the act has no effect outside."""

_LENGTHS = {figure: 1 if figure == "RECEIVED" else queries.QUARTER for figure in queries.PUBLIC}


def refresh_days(*, actor: Actor, now: datetime, whole: bool = False) -> int:
    """Count reports and acts of past days again, for each figure; return the number of rows written.

    The current day is not stored. With `whole`, or at the first run, the last 400 days are counted; otherwise
    the days since the last stored day and the three days before it.

    Raises:
        Refused: the actor may not read statistics.
    """
    require(actor, "statistics.read")
    until = paris_day(now)
    written = 0
    for figure, count in (queries.DAILY | queries.TRENDS).items():
        with transaction.atomic():
            held = models.Counted.objects.select_for_update().filter(figure=figure).first()
            since = _since(held, until, whole=whole)
            rows = count(actor=actor, since=start_of_day(since), until=start_of_day(until))
            models.Daily.objects.filter(figure=figure, day__gte=since, day__lt=until).delete()
            models.Daily.objects.bulk_create(
                [
                    models.Daily(figure=figure, day=day, first=first, second=second, n=n)
                    for day, first, second, n in rows
                ]
            )
            models.Counted.objects.update_or_create(
                figure=figure,
                defaults={
                    "first": min(held.first, since) if held else since,
                    "until": until,
                    "counted_at": now,
                },
            )
            written += len(rows)
    return written


def publish(*, actor: Actor, now: datetime) -> int:
    """Write the public figures of the last 25 complete months; return how many numbers changed.

    Reports received are published by month, figures broken down by codes by calendar quarter. Numbers under
    5 are suppressed, with the others from which they could be deduced. The figures contain no personal data:
    the desk publishes them under its statute, and the ledger records each change.

    Raises:
        Refused: the actor may not read statistics.
    """
    require(actor, "statistics.read")
    open_month = first_of_month(paris_day(now))
    months = months_until(add_months(open_month, -1), count=PUBLIC_MONTHS)
    changed = 0
    with transaction.atomic():
        for figure in queries.PUBLIC:
            count = _of_acts if figure in queries.PERIOD else _of_days
            cells = count(actor, figure, months, now=now)
            changed += _write(figure, hide_small(cells), now=now)
        if changed:
            ledger.record(
                actor=actor, action="figures.publish", at=now, detail={"changed": changed}
            )
    return changed


def _of_days(
    actor: Actor, figure: str, months: Sequence[date], *, now: datetime
) -> dict[tuple[date, str], int]:
    """Return a daily figure by public period (its first day) and code, for the periods within `months`."""
    ended = add_months(months[-1], 1)
    found = queries.series(actor=actor, figure=figure, now=now, months=months)
    cells: dict[tuple[date, str], int] = {}
    for row in found.rows:
        start = _period(figure, date.fromisoformat(f"{row.keys[0]}-01"))
        if months[0] <= start and add_months(start, _LENGTHS[figure]) <= ended:
            key = (start, _code(figure, row.keys[1]))
            cells[key] = cells.get(key, 0) + int(row.value or 0)
    return cells


def _of_acts(
    actor: Actor, figure: str, months: Sequence[date], *, now: datetime
) -> dict[tuple[date, str], int]:
    """Return a figure on official acts by quarter (its first day) and codes, for the quarters in `months`.

    The codes of the columns are joined by a slash. Acts without effect outside the desk are left out.
    """
    cells: dict[tuple[date, str], int] = {}
    for start in months:
        until = add_months(start, queries.QUARTER)
        if _period(figure, start) == start and until <= add_months(months[-1], 1):
            found = queries.period(actor=actor, figure=figure, since=start, until=until, now=now)
            for row in found.rows:
                if row.keys[0] not in _INSIDE.get(figure, ()):
                    cells[start, "/".join(row.keys)] = int(row.value or 0)
    return cells


def _since(held: models.Counted | None, until: date, *, whole: bool) -> date:
    if held is None or whole:
        return until - timedelta(days=RECOUNTED)
    return max(held.until - timedelta(days=RECENT), until - timedelta(days=RECOUNTED))


def _period(figure: str, month: date) -> date:
    """Return the first month of the public period of a figure (month or quarter) that contains `month`."""
    length = _LENGTHS[figure]
    return month.replace(month=(month.month - 1) // length * length + 1)


def _code(figure: str, code: str) -> str:
    """Return the code under which a count of `figure` is published: TOTAL for reports received, else `code`.

    Other figures are published by their codes (a kind, a country, …).
    """
    return "TOTAL" if figure == "RECEIVED" else code


def _write(figure: str, cells: dict[tuple[date, str], int | None], *, now: datetime) -> int:
    known = {(p.month, p.code): p.n for p in models.Published.objects.filter(figure=figure)}
    news = {key: n for key, n in cells.items() if key not in known or known[key] != n}
    gone = known.keys() - cells.keys()
    models.Published.objects.bulk_create(
        [
            models.Published(figure=figure, month=month, code=code, n=n, published_at=now)
            for (month, code), n in news.items()
        ],
        update_conflicts=True,
        unique_fields=["figure", "month", "code"],
        update_fields=["n", "published_at"],
    )
    if gone:
        oldest = min((month for month, _ in cells), default=None)
        for month, code in gone:
            if oldest is not None and month >= oldest:
                models.Published.objects.filter(figure=figure, month=month, code=code).delete()
                news[month, code] = None
    return len(news)
