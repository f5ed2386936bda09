"""Of a person's value that more hold than are read at once: the neighbours of each report of a batch.

The newest holders are read. A report that was received long before them, and is linked only now, has its
neighbours elsewhere: they are looked for around it.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from django.db import connection

from fanal.harmonise import queries as harmonised
from fanal.harmonise.queries import SharedRow
from fanal.kernel.actors import Actor
from fanal.kernel.arrays import plain_array

READ = 500
"""Rows on each side of a report; more where many of them are of reports that are not linked yet."""
_MORE, _MOST = 8, 20_000
_LINKED = (
    "SELECT uuid_send(wanted.id) FROM unnest(%s::uuid[]) AS wanted (id)"
    " CROSS JOIN LATERAL (SELECT FROM crosscheck_card WHERE report_id = wanted.id LIMIT 1) c"
)


class Crowd(NamedTuple):
    """Holders with their desks, by octets of their ids; all there are up to `sure`, if that is known."""

    desks: dict[bytes, int]
    sure: bytes | None


class _Window(NamedTuple):
    """Holders beside one another, ascending; whether none comes before them, or after."""

    desks: dict[bytes, int]
    ordered: list[bytes]
    first: bool
    last: bool

    def covers(self, report: bytes, most: int) -> bool:
        """Return whether `most` holders before and after a report are here, or all there are."""
        at = bisect_left(self.ordered, report)
        if at == len(self.ordered) or self.ordered[at] != report:
            return False
        return (self.first or at >= most) and (self.last or len(self.ordered) - at > most)

    def begins(self, sure: bytes | None) -> bool:
        """Return whether none is missing before these, where all up to `sure` are known."""
        return self.first or (sure is not None and self.ordered[0] <= sure)


def crowd_of(
    value: bytes, newest: Sequence[SharedRow], batch: Iterable[bytes], *, actor: Actor, most: int
) -> Crowd:
    """Return those who hold a value (its whole key) and are linked or of the batch, as far as they matter.

    `newest` are the newest rows of the value, `batch` those of the batch who hold it.
    """
    reports = sorted(batch)
    own = frozenset(reports)
    top = _window(newest, own, first=False, last=True)
    desks, window = dict(top.desks), top
    sure: bytes | None = None
    for report in reports:
        if top.covers(report, most) or window.covers(report, most):
            continue
        window = _around(value, report, own, actor=actor, most=most)
        desks |= window.desks
        if window.begins(sure):
            sure = window.ordered[-1]
    return Crowd(desks, top.ordered[-1] if top.ordered and top.begins(sure) else sure)


def _around(
    value: bytes, report: bytes, own: frozenset[bytes], *, actor: Actor, most: int
) -> _Window:
    """Return who holds a value around a report: enough on both sides, or all there are."""
    limit = READ
    while True:
        rows = harmonised.get_rows_around(actor=actor, key=value, report=report, limit=limit)
        before = sum(row[1] < report for row in rows)
        first, last = before < limit, len(rows) - before < limit
        window = _window(rows, own, first=first, last=last)
        if window.covers(report, most) or limit >= _MOST:
            return window
        limit = min(limit * _MORE, _MOST)


def _window(
    rows: Sequence[SharedRow], own: frozenset[bytes], *, first: bool, last: bool
) -> _Window:
    desks = {report: desk for _, report, desk in rows}
    linked = own | _linked(desks.keys() - own)
    ordered = sorted(desks.keys() & linked)
    return _Window({report: desks[report] for report in ordered}, ordered, first, last)


def _linked(reports: Iterable[bytes]) -> frozenset[bytes]:
    """Return which of these reports were linked before."""
    with connection.cursor() as cursor:
        cursor.execute(_LINKED, [plain_array(sorted(report.hex() for report in reports))])
        return frozenset(bytes(report) for (report,) in cursor.fetchall())
