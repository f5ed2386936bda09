"""Maintenance outside the stages: partitions, yearly counters, used challenges, expired web sessions."""

import logging
import time
from datetime import datetime

from fanal.db import sql

log = logging.getLogger("fanal.worker")


def make_partitions(*, until: datetime, tries: int = 10, pause: float = 5.0) -> int:
    """Create the monthly partitions of every partitioned table up to `until`; return how many are new.

    The SQL function belongs to the owner, so that the worker's role can create nothing else. A table in use
    is retried, `tries` times in all with `pause` seconds in between, so that submissions never wait; the next
    night retries the rest.
    """
    new = busy = 0
    for left in reversed(range(tries)):
        made, busy = sql.one("SELECT made, busy FROM fanal_next_months(%s::date)", [until.date()])
        new += int(made)
        if not busy:
            return new
        if left:
            time.sleep(pause)
    log.error("the next months of %d tables in use are not made", busy)
    return new


def make_counts(*, until: datetime) -> int:
    """Create the counters of report numbers (`R-2027-0001`) for the years up to `until`; return how many.

    A report of a year without a counter is stored without a number.
    """
    (made,) = sql.one("SELECT fanal_counts_ahead(%s::date)", [until.date()])
    return int(made)


def forget_challenges(*, now: datetime) -> int:
    """Delete the used proof-of-work challenges of the public form that have expired; return their number."""
    return sql.run("DELETE FROM intake_spent_challenge WHERE expires_at < %s", [now])


def forget_sessions(*, now: datetime) -> int:
    """Delete the expired web sessions, with the purpose stated in each; return how many."""
    return sql.run("DELETE FROM django_session WHERE expire_date < %s", [now])
