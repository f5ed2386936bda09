"""Limits the calls that a public node's session queues to ten; the sending process queues the others later.

A public node can raise thousands of alarms in a second, committed or not. Each read of the outbox reads the
uncommitted ones, and the committed ones came before the next child's call.
"""

from django.db import migrations

FORWARD = """
-- The server process that queued it, whose first calls go before all late ones; a late one names none.
ALTER TABLE orient_call ADD COLUMN queued_by integer;
UPDATE orient_call SET queued_by = 0;
ALTER TABLE orient_call ALTER COLUMN queued_by SET DEFAULT pg_backend_pid();
DROP INDEX orient_call_due;
CREATE INDEX orient_call_due ON orient_call ((queued_by IS NULL), queued_at) WHERE outcome IS NULL;
CREATE INDEX orient_call_queued_by ON orient_call (queued_by) WHERE outcome IS NULL AND attempts = 0;

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
"""
BACK = """
CREATE OR REPLACE FUNCTION orient_queue_call() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO orient_call (alarm_id, escalated) VALUES (NEW.id, NEW.escalated_at IS NOT NULL)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
DROP INDEX orient_call_due;
CREATE INDEX orient_call_due ON orient_call (queued_at) WHERE outcome IS NULL;
ALTER TABLE orient_call DROP COLUMN queued_by;
"""


class Migration(migrations.Migration):
    """It also removes a notification that nobody listens to: notifying transactions wait for one another."""

    dependencies = [("orient", "0026_notice_track")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
