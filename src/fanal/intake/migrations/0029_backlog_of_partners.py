"""Creates the function that counts partners' waiting reports, so that a flood of public ones refuses none."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION intake_backlog_of_partners(most integer) RETURNS integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT count(*)::integer FROM (
        SELECT FROM intake_work w JOIN intake_report r ON r.id = w.report_id
        WHERE w.quarantined_at IS NULL AND r.sender_id <> '00000000-0000-0000-0000-000000000000'
        LIMIT most) AS waiting
$$;
"""


class Migration(migrations.Migration):
    """Creates a function."""

    dependencies = [("intake", "0028_files_of_node")]
    operations = [
        migrations.RunSQL(FORWARD, "DROP FUNCTION intake_backlog_of_partners(integer);")
    ]
