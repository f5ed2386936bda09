"""Creates the table of alarms not yet in the ledger, and removes the calls' foreign key to alarms.

The search for alarms with a queued call had read all those without one first, for five seconds. The foreign
key locked the alarm's row, so that a transaction which held that row delayed the child's call.
"""

from django.db import migrations

FORWARD = """
CREATE TABLE orient_unrecorded (
    alarm_id uuid PRIMARY KEY,
    told_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX orient_unrecorded_told_at ON orient_unrecorded (told_at);
INSERT INTO orient_unrecorded (alarm_id, told_at)
SELECT a.id, a.raised_at FROM orient_alarm a
WHERE a.recorded_at IS NULL AND NOT EXISTS (SELECT FROM orient_late l WHERE l.alarm_id = a.id);

CREATE OR REPLACE FUNCTION orient_queue_call() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF session_user <> 'fanal_intake' OR (SELECT count(*) FROM (SELECT FROM orient_call
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

ALTER TABLE orient_call DROP CONSTRAINT orient_call_alarm;
CREATE FUNCTION orient_forget_calls() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    DELETE FROM orient_call WHERE alarm_id = OLD.id;
    DELETE FROM orient_late WHERE alarm_id = OLD.id;
    DELETE FROM orient_unrecorded WHERE alarm_id = OLD.id;
    RETURN NULL;
END
$$;
CREATE TRIGGER orient_alarm_gone AFTER DELETE ON orient_alarm FOR EACH ROW
    EXECUTE FUNCTION orient_forget_calls();
"""
BACK = """
DROP TRIGGER orient_alarm_gone ON orient_alarm;
DROP FUNCTION orient_forget_calls;
ALTER TABLE orient_call ADD CONSTRAINT orient_call_alarm
    FOREIGN KEY (alarm_id) REFERENCES orient_alarm (id) ON DELETE CASCADE;
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
DROP TABLE orient_unrecorded;
"""


class Migration(migrations.Migration):
    """Replaces the trigger function of `0029_late_calls`."""

    dependencies = [("orient", "0031_partly_called")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
