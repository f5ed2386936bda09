"""Thresholds and SQL queries that find late, old or undelivered items. They need no Django.

`fanal doctor` and the administrator's page use them.
"""

from typing import Final

LATE_MINUTES: Final = 10
"""Wait for a stage, in minutes, from which on a report is reported as late."""
BACKUP_HOURS: Final = 48
"""Age of the newest backup, in hours, from which on it is reported as old."""
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
"""Calls of unacknowledged alarms: late (over `late` seconds), given up, left in a folder; why one failed."""
NEWEST_CALL: Final = """
SELECT outcome FROM orient_call WHERE outcome IN ('SENT', 'PARTLY') ORDER BY ended_at DESC LIMIT 1
"""
"""Outcome of the newest call that the mail server accepted: PARTLY where it refused some of the people."""
