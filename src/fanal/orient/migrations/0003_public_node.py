"""Creates the functions by which a public node reads a case's state, or withdraws it before a decision."""

from django.db import migrations

SQL = """
CREATE FUNCTION orient_state_of(report uuid) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT c.state FROM orient_case c WHERE c.report_id = report
$$;

-- Closes the case of a report that its sender takes back; false when there is none that is still open.
CREATE FUNCTION orient_withdraw(report uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE orient_case c SET state = 'WITHDRAWN', claimed_by = NULL, lease_until = NULL
    WHERE c.report_id = report AND c.state IN ('TO_ASSESS', 'CLAIMED');
    RETURN FOUND;
END
$$;
"""


class Migration(migrations.Migration):
    """Creates functions; no table changes."""

    dependencies = [("orient", "0002_notes")]
    operations = [migrations.RunSQL(SQL, "DROP FUNCTION orient_withdraw, orient_state_of")]
