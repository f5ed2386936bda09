"""Raises a new alarm when a reporter writes later that a child is in danger, even after an acknowledged one."""

from django.db import migrations

FORWARD = """
ALTER TABLE orient_alarm DROP CONSTRAINT orient_alarm_code, DROP CONSTRAINT orient_alarm_once,
    ADD CONSTRAINT orient_alarm_code CHECK (code IN ('CHILD_IN_DANGER', 'DANGER_WRITTEN'));
CREATE UNIQUE INDEX orient_alarm_once ON orient_alarm (report_id) WHERE code = 'CHILD_IN_DANGER';
-- Of what is written later one rings at a time: the next one does once it was answered.
CREATE UNIQUE INDEX orient_alarm_written ON orient_alarm (report_id)
    WHERE code = 'DANGER_WRITTEN' AND acknowledged_at IS NULL;
CREATE INDEX orient_alarm_report ON orient_alarm (report_id);

CREATE OR REPLACE FUNCTION orient_alarm_of_deposit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO orient_alarm (id, report_id, desk_id, code, raised_at)
    VALUES (gen_random_uuid(), NEW.id, NEW.desk_id, 'CHILD_IN_DANGER', NEW.received_at)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;

-- Raised by whoever holds the code of a report; false where the report rings already, or is a test.
CREATE FUNCTION orient_danger_written(code bytea, at timestamptz) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO orient_alarm (id, report_id, desk_id, code, raised_at)
    SELECT gen_random_uuid(), r.id, r.desk_id, 'DANGER_WRITTEN', at
    FROM intake_receipt c JOIN intake_report r ON r.id = c.report_id
    WHERE c.lookup_hash = $1 AND NOT r.is_test AND NOT EXISTS (
        SELECT FROM orient_alarm a WHERE a.report_id = r.id AND a.acknowledged_at IS NULL)
    ON CONFLICT DO NOTHING;
    RETURN FOUND;
END
$$;
"""


class Migration(migrations.Migration):
    """Not reversible: that would delete alarms."""

    dependencies = [("orient", "0018_named_senders"), ("intake", "0012_named_senders")]
    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
