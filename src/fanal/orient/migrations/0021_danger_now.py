"""Dates an alarm that a public node raises for a reporter's message at the present."""

from django.db import migrations

FORWARD = """
CREATE OR REPLACE FUNCTION orient_danger_written(code bytea, at timestamptz) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM intake_require_present(at);
    INSERT INTO orient_alarm (id, report_id, desk_id, code, raised_at)
    SELECT gen_random_uuid(), r.id, r.desk_id, 'DANGER_WRITTEN', at
    FROM intake_receipt c JOIN intake_report r ON r.id = c.report_id
    WHERE c.lookup_hash = $1 AND NOT r.is_test AND NOT EXISTS (
        SELECT FROM orient_alarm a WHERE a.report_id = r.id AND a.acknowledged_at IS NULL)
    ON CONFLICT DO NOTHING;
    RETURN FOUND;
END
$$;
"""


class Migration(migrations.Migration):
    """Replaces a function. Not reversible."""

    dependencies = [("orient", "0020_presented_credentials"), ("intake", "0016_node_acts_now")]
    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
