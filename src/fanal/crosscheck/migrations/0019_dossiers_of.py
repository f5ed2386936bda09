"""Creates the function that returns the dossiers concerned by a decision, at whatever desk.

They are the dossier in use for the named id, and those that contain one of the named reports; only ids are
returned.
"""

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
    """Creates the function `crosscheck_dossiers_of`."""

    dependencies = [("crosscheck", "0018_unjoined")]
    operations = [migrations.RunSQL(SQL, "DROP FUNCTION crosscheck_dossiers_of;")]
