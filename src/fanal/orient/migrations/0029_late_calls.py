"""Creates the table of alarms whose call is not queued yet, to find them without reading the others.

The search for alarms without a call had read all others first, in order of id: after half a million alarms,
a child's call came a quarter of an hour late.
"""

from django.db import migrations

# No foreign key: nobody who holds the row of an alarm keeps a deposit waiting, or a call.
FORWARD = """
CREATE TABLE orient_late (
    alarm_id uuid PRIMARY KEY,
    told_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX orient_late_told_at ON orient_late (told_at);
INSERT INTO orient_late (alarm_id, told_at)
SELECT a.id, a.raised_at FROM orient_alarm a
WHERE a.recorded_at IS NULL AND a.acknowledged_at IS NULL
  AND NOT EXISTS (SELECT FROM orient_call c WHERE c.alarm_id = a.id);

CREATE OR REPLACE FUNCTION orient_queue_call() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF session_user <> 'fanal_intake' OR (SELECT count(*) FROM (SELECT FROM orient_call
            WHERE outcome IS NULL AND attempts = 0 AND queued_by = pg_backend_pid() LIMIT 10) AS queued) < 10 THEN
        INSERT INTO orient_call (alarm_id, escalated) VALUES (NEW.id, NEW.escalated_at IS NOT NULL)
        ON CONFLICT DO NOTHING;
    ELSE
        INSERT INTO orient_late (alarm_id) VALUES (NEW.id) ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END
$$;
"""
BACK = """
CREATE OR REPLACE FUNCTION orient_queue_call() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF session_user <> 'fanal_intake' OR (SELECT count(*) FROM (SELECT FROM orient_call
            WHERE outcome IS NULL AND attempts = 0 AND queued_by = pg_backend_pid() LIMIT 10) AS queued) < 10 THEN
        INSERT INTO orient_call (alarm_id, escalated) VALUES (NEW.id, NEW.escalated_at IS NOT NULL)
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END
$$;
DROP TABLE orient_late;
"""


class Migration(migrations.Migration):
    """Replaces the trigger function of `0017_calls`."""

    dependencies = [("orient", "0028_few_alarms")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
