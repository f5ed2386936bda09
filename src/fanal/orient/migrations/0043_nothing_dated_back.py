"""Refuses acknowledgements of alarms and readings of answers that the desk dates before these came.

A difference of five minutes between clocks is tolerated.
"""

from django.db import migrations

# Of the desk's program alone: a demo loads acts of the past. Clocks differ, and are set back.
SQL = """
CREATE FUNCTION orient_refuse_before() RETURNS trigger LANGUAGE plpgsql
    SET search_path = public, pg_temp AS $$
BEGIN
    IF (to_jsonb(NEW) ->> TG_ARGV[0])::timestamptz
            < least((to_jsonb(NEW) ->> TG_ARGV[1])::timestamptz, clock_timestamp()) - interval '5 minutes' THEN
        RAISE EXCEPTION 'nobody answers what has not come: %.%', TG_TABLE_NAME, TG_ARGV[0]
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER orient_alarm_not_before BEFORE UPDATE OF acknowledged_at ON orient_alarm FOR EACH ROW
    WHEN (session_user = 'fanal_app') EXECUTE FUNCTION orient_refuse_before('acknowledged_at', 'raised_at');
CREATE TRIGGER orient_answer_not_before BEFORE UPDATE OF read_at ON orient_answer FOR EACH ROW
    WHEN (session_user = 'fanal_app') EXECUTE FUNCTION orient_refuse_before('read_at', 'came_at');
"""
BACK = """
DROP TRIGGER orient_alarm_not_before ON orient_alarm;
DROP TRIGGER orient_answer_not_before ON orient_answer;
DROP FUNCTION orient_refuse_before;
"""


class Migration(migrations.Migration):
    """Adds a trigger to each of the two tables; it checks the desk's program only."""

    dependencies = [("orient", "0042_weighed_answers")]
    operations = [migrations.RunSQL(SQL, BACK)]
