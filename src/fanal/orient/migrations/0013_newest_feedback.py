"""Creates the function that returns the feedback on a sender's own reports, newest first."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION orient_newest_feedback(sender uuid, before uuid, until timestamptz, most integer)
RETURNS TABLE (id uuid, report_id uuid, reference text, wire_id bigint, verdict text, lacks text[],
    given_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT f.id, f.report_id, r.reference, r.wire_id, f.verdict, f.lacks, f.given_at
    FROM orient_feedback f JOIN intake_report r ON r.id = f.report_id
    WHERE f.sender_id = sender AND r.sender_id = sender AND f.id < before AND f.given_at <= until
    ORDER BY f.id DESC LIMIT most
$$;
"""
BACKWARD = "DROP FUNCTION orient_newest_feedback"


class Migration(migrations.Migration):
    """Written in SQL, like the package's other functions."""

    dependencies = [("orient", "0012_alarms")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
