"""Says, at whatever desk their reports are, which dossiers are or contain what a decision on a dossier names."""

from django.db import migrations

SQL = """
-- The dossier in use for the id of a dossier, and those with one of the reports: ids alone. Row policies call it.
CREATE FUNCTION crosscheck_dossiers_of(dossier uuid, reports uuid[]) RETURNS uuid[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT ARRAY(SELECT crosscheck_in_use(dossier)
        UNION SELECT m.dossier_id FROM crosscheck_membership m WHERE m.report_id = ANY (reports))
$$;
"""


class Migration(migrations.Migration):
    """Creates a function."""

    dependencies = [("crosscheck", "0018_unjoined")]
    operations = [migrations.RunSQL(SQL, "DROP FUNCTION crosscheck_dossiers_of;")]
