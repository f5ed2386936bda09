"""Limits size and number of the reports that a public node stores in one transaction.

The reason is that other sessions read uncommitted rows too.
"""

from django.db import migrations

# PostgreSQL counts what a session has inserted since its last report, at most a second before: nobody sets
# that number back within a transaction. A node deposits one report a transaction.
FORWARD = """
CREATE FUNCTION intake_few_at_once() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF pg_stat_get_xact_tuples_inserted(TG_RELID) >= 500 THEN
        RAISE EXCEPTION 'a public node deposits few reports at once' USING ERRCODE = 'check_violation';
    END IF;
    IF length(NEW.reference) > 2000 OR length(NEW.language) > 100 OR length(NEW.correlation_id) > 1000 THEN
        RAISE EXCEPTION 'a public node names a report in few words' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER intake_report_few_of_node BEFORE INSERT ON intake_report FOR EACH ROW
    WHEN (session_user = 'fanal_intake') EXECUTE FUNCTION intake_few_at_once();
"""
BACK = """
DROP TRIGGER intake_report_few_of_node ON intake_report;
DROP FUNCTION intake_few_at_once;
"""


class Migration(migrations.Migration):
    """Adds a trigger to one table."""

    dependencies = [("intake", "0024_own_parts")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
