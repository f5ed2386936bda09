"""What the schedule keeps in order and no stage owns."""

from datetime import datetime

from django.db import connection


def make_partitions(*, until: datetime) -> int:
    """Make monthly partitions of every partitioned table up to `until`; return how many are new.

    Runs as the owner's function: the worker's role may call it and make nothing else.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT fanal_next_months(%s::date)", [until.date()])
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def forget_challenges(*, now: datetime) -> int:
    """Drop spent challenges that have expired; return how many."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM intake_spent_challenge WHERE expires_at < %s", [now])
        return int(cursor.rowcount)
