"""Refuses a reporter's answer to an erased report; before, it was stored where nobody reads it.

To the reporter the state of such a report is EXPIRED. The answer locks the report's row, as an erasure does
first, so that an answer and an erasure at the same time cannot miss each other.
"""

from django.db import migrations

_FOLLOW = """
CREATE OR REPLACE FUNCTION intake_follow(code bytea) RETURNS TABLE (
    id uuid, state text, received_at timestamptz, in_progress boolean, signed text, voice_digest bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT r.id, {state}, r.received_at, w.report_id IS NOT NULL, c.signed, c.voice_digest
    FROM intake_receipt c JOIN intake_report r ON r.id = c.report_id
    LEFT JOIN intake_work w ON w.report_id = r.id WHERE c.lookup_hash = code
$$;
"""
_ANSWER = """
CREATE OR REPLACE FUNCTION intake_answer(code bytea, message uuid, at timestamptz, sealed uuid) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    report uuid;
BEGIN
    PERFORM intake_require_present(at);
    INSERT INTO intake_message (id, report_id, from_desk, created_at, object_id)
    SELECT message, c.report_id, false, at, sealed FROM intake_receipt c{report} WHERE c.lookup_hash = code{kept}
    RETURNING report_id INTO report;
    RETURN report;
END
$$;
"""
FORWARD = (
    _FOLLOW.format(state="CASE WHEN r.erased_at IS NULL THEN r.state ELSE 'EXPIRED' END")
    + _ANSWER.format(
        report=" JOIN intake_report r ON r.id = c.report_id",
        kept=" AND r.erased_at IS NULL FOR SHARE OF r",
    )
)
BACK = _FOLLOW.format(state="r.state") + _ANSWER.format(report="", kept="")


class Migration(migrations.Migration):
    """Replaces two functions that public nodes call."""

    dependencies = [("intake", "0035_channels_of_nodes")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
