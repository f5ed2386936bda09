"""Creates the function by which triggers of other packages ask whether a report is not retracted."""

from django.db import migrations

SQL = """
-- False for a report that was taken back, and for one that is not stored (any more).
CREATE FUNCTION intake_stands(report uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM intake_report r WHERE r.id = report AND r.state <> 'RETRACTED')
$$;
"""


class Migration(migrations.Migration):
    """Creates a function, so that no other package names a table of intake."""

    dependencies = [("intake", "0020_moves")]
    operations = [migrations.RunSQL(SQL, "DROP FUNCTION intake_stands(uuid)")]
