"""Thresholds and SQL queries that find late, old or undelivered items. They need no Django.

`fanal doctor` and the administrator's page use them.
"""

from typing import Final

LATE_MINUTES: Final = 10
"""Wait for a stage, in minutes, from which on a report is reported as late."""
BACKUP_HOURS: Final = 48
"""Age of the newest backup, in hours, from which on it is reported as old."""
WAIT_MINUTES: Final = 10
"""Wait of names for a cosignature of the blocking list, in minutes, from which on it is reported."""
CALL_LATE_SECONDS: Final = 30
"""Time, in seconds, after which an undelivered call is reported."""
UNDELIVERED: Final = """
SELECT count(*) FILTER (WHERE outcome IS NULL AND queued_at < now() - make_interval(secs => %(late)s))
        + (SELECT count(*) FROM orient_alarm a WHERE a.recorded_at IS NULL AND a.acknowledged_at IS NULL
            AND a.raised_at < now() - make_interval(secs => %(late)s)
            AND NOT EXISTS (SELECT FROM orient_call c WHERE c.alarm_id = a.id)),
    count(*) FILTER (WHERE outcome = 'GIVEN_UP'), count(*) FILTER (WHERE outcome = 'LEFT'),
    max(failure) FILTER (WHERE outcome IS NULL)
FROM orient_call c
WHERE EXISTS (SELECT FROM orient_alarm a WHERE a.id = c.alarm_id AND a.acknowledged_at IS NULL)
"""
"""SQL query on the calls (e-mails) of alarms that nobody has acknowledged; parameter: `late`, in seconds.

Its row: number of calls not sent within `late` seconds, of calls given up, and of calls written to a folder
without a mail server; code of a failure, or NULL.
"""
NEWEST_CALL: Final = """
SELECT outcome FROM orient_call WHERE outcome IN ('SENT', 'PARTLY') ORDER BY ended_at DESC LIMIT 1
"""
"""SQL query: outcome of the newest sent call; SENT, or PARTLY if the server refused some of the people."""
