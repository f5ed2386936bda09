"""Adds to a receipt a digest which shows, to the holder of its code only, that the reporter is a child.

Pages then address the reporter as a child. It is not a yes or no, since a receipt is kept for years, and a
reader of the table must not learn which reports are children's.
"""

from django.db import migrations

FORWARD = """
ALTER TABLE intake_receipt ADD COLUMN voice_digest bytea
    CONSTRAINT intake_receipt_voice CHECK (octet_length(voice_digest) = 32);

DROP FUNCTION intake_follow(bytea);
CREATE FUNCTION intake_follow(code bytea) RETURNS TABLE (
    id uuid, state text, received_at timestamptz, in_progress boolean, signed text, voice_digest bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT r.id, r.state, r.received_at, w.report_id IS NOT NULL, c.signed, c.voice_digest
    FROM intake_receipt c JOIN intake_report r ON r.id = c.report_id
    LEFT JOIN intake_work w ON w.report_id = r.id WHERE c.lookup_hash = code
$$;
"""
BACK = """
DROP FUNCTION intake_follow(bytea);
CREATE FUNCTION intake_follow(code bytea) RETURNS TABLE (
    id uuid, state text, received_at timestamptz, in_progress boolean, signed text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT r.id, r.state, r.received_at, w.report_id IS NOT NULL, c.signed
    FROM intake_receipt c JOIN intake_report r ON r.id = c.report_id
    LEFT JOIN intake_work w ON w.report_id = r.id WHERE c.lookup_hash = code
$$;
ALTER TABLE intake_receipt DROP COLUMN voice_digest;
"""


class Migration(migrations.Migration):
    """Adds a column to `intake_receipt` and returns it from the function of `0002_public_node`."""

    dependencies = [("intake", "0033_entered_reports")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
