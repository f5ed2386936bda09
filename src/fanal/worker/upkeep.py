"""What the schedule keeps in order and no stage owns."""

import logging
import time
from datetime import datetime

from fanal.db import sql

log = logging.getLogger("fanal.worker")


def make_partitions(*, until: datetime, tries: int = 10, pause: float = 5.0) -> int:
    """Make monthly partitions of every partitioned table up to `until`; return how many are new.

    Runs as the owner's function: the worker's role may call it and make nothing else. A table in use is tried
    again after `pause` seconds: whoever deposits never waits for it. The next night tries what is left.
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


def forget_challenges(*, now: datetime) -> int:
    """Drop spent challenges that have expired; return how many."""
    return sql.run("DELETE FROM intake_spent_challenge WHERE expires_at < %s", [now])
