"""Limits the number of files that a public node may add to a report (`MOST_FILES`)."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION intake_files_of_node() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT FROM (SELECT DISTINCT report_id FROM added) AS named WHERE (
            SELECT count(*) FROM (
                SELECT FROM intake_upload u WHERE u.report_id = named.report_id LIMIT 5001
            ) AS files
        ) > 5000
    ) THEN
        RAISE EXCEPTION 'a public node says little: 5000 files of a report' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER intake_upload_few_of_node AFTER INSERT ON intake_upload REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT WHEN (session_user = 'fanal_intake') EXECUTE FUNCTION intake_files_of_node();
"""
BACK = """
DROP TRIGGER intake_upload_few_of_node ON intake_upload;
DROP FUNCTION intake_files_of_node;
"""


class Migration(migrations.Migration):
    """Adds a trigger to one table."""

    dependencies = [("intake", "0027_short_of_nodes")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
