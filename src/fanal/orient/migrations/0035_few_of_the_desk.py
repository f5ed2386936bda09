"""Limits the calls that each session of the desk queues to ten as well, and indexes calls left in a folder.

Before, thousands of false alarms by the desk's role were called for before every true one. A call left in
the folder of a process without mail server is sent by a process that has one; the index finds those calls.
"""

from django.db import migrations

_QUEUE = """
CREATE OR REPLACE FUNCTION orient_queue_call() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF {others} OR (SELECT count(*) FROM (SELECT FROM orient_call
            WHERE outcome IS NULL AND attempts = 0 AND queued_by = pg_backend_pid() LIMIT 10) AS queued) < 10 THEN
        INSERT INTO orient_call (alarm_id, escalated) VALUES (NEW.id, NEW.escalated_at IS NOT NULL)
        ON CONFLICT DO NOTHING;
        IF TG_OP = 'INSERT' AND NEW.recorded_at IS NULL THEN
            INSERT INTO orient_unrecorded (alarm_id) VALUES (NEW.id) ON CONFLICT DO NOTHING;
        END IF;
    ELSE
        INSERT INTO orient_late (alarm_id) VALUES (NEW.id) ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END
$$;
"""
FORWARD = (
    _QUEUE.format(others="session_user NOT IN ('fanal_intake', 'fanal_app')")
    + "CREATE INDEX orient_call_left ON orient_call (ended_at) WHERE outcome = 'LEFT';"
)
BACK = (
    _QUEUE.format(others="session_user <> 'fanal_intake'")
    + "DROP INDEX orient_call_left;"
)


class Migration(migrations.Migration):
    """Replaces the trigger function of `0032_settled_alarms`."""

    dependencies = [("orient", "0034_late_by_node")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
