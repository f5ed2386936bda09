"""Counts of signals by day, kept as reports take their place in the queue: nobody scans findings to count."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

from django.db import connection

from fanal.kernel.arrays import plain_array, text_array
from fanal.kernel.calendar import paris_day
from fanal.orient.domain.records import OrientItem


def count_signals(items: Sequence[OrientItem], revisions: Mapping[UUID, int]) -> None:
    """Add the codes of what was found in reports that are oriented for the first time, each once a report.

    Tests do not count. Part of the caller's transaction.
    """
    found: Counter[tuple[date, str]] = Counter()
    for item in items:
        if item.is_test or revisions[item.report.report_id] > 1:
            continue
        day = paris_day(item.received_at)
        found.update((day, code) for code in {f.code for f in item.analysis.findings})
    if not found:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO orient_signal_count (day, code, n)"
            " SELECT * FROM unnest(%s::date[], %s::text[], %s::int[])",
            [
                plain_array(day.isoformat() for day, _ in found),
                text_array(code for _, code in found),
                plain_array(str(n) for n in found.values()),
            ],
        )
