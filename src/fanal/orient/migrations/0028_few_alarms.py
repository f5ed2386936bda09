"""Limits a public node's alarms in one transaction, since each search for calls reads uncommitted ones."""

from django.db import migrations

# As `intake_few_at_once` counts reports; alarms come by a danger told later too.
FORWARD = """
CREATE FUNCTION orient_few_at_once() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF pg_stat_get_xact_tuples_inserted(TG_RELID) >= 500 THEN
        RAISE EXCEPTION 'a public node tells of few dangers at once' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER orient_alarm_few_of_node BEFORE INSERT ON orient_alarm FOR EACH ROW
    WHEN (session_user = 'fanal_intake') EXECUTE FUNCTION orient_few_at_once();
"""
BACK = """
DROP TRIGGER orient_alarm_few_of_node ON orient_alarm;
DROP FUNCTION orient_few_at_once;
"""


class Migration(migrations.Migration):
    """Adds a trigger to one table."""

    dependencies = [("orient", "0027_first_calls")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
