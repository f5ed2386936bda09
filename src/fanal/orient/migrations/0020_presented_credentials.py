"""Shows a public node cases and feedback only of a partner whose secret was presented to it."""

from django.db import migrations

FORWARD = """
CREATE OR REPLACE FUNCTION orient_require_sender(sender uuid) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT accounts_speaks_for(sender) THEN
        RAISE EXCEPTION 'a public node names the sender whose secret it was shown'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION orient_feedback_for(
    sender uuid, of_report uuid, after uuid, until timestamptz, most integer)
RETURNS TABLE (id uuid, report_id uuid, reference text, wire_id bigint, verdict text, lacks text[],
    given_at timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM orient_require_sender(sender);
    RETURN QUERY SELECT f.id, f.report_id, r.reference, r.wire_id, f.verdict, f.lacks, f.given_at
    FROM orient_feedback f JOIN intake_report r ON r.id = f.report_id
    WHERE f.sender_id = sender AND r.sender_id = sender AND f.id > after AND f.given_at <= until
      AND (of_report IS NULL OR f.report_id = of_report)
    ORDER BY f.id LIMIT most;
END
$$;

CREATE OR REPLACE FUNCTION orient_newest_feedback(
    sender uuid, before uuid, until timestamptz, most integer)
RETURNS TABLE (id uuid, report_id uuid, reference text, wire_id bigint, verdict text, lacks text[],
    given_at timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM orient_require_sender(sender);
    RETURN QUERY SELECT f.id, f.report_id, r.reference, r.wire_id, f.verdict, f.lacks, f.given_at
    FROM orient_feedback f JOIN intake_report r ON r.id = f.report_id
    WHERE f.sender_id = sender AND r.sender_id = sender AND f.id < before AND f.given_at <= until
    ORDER BY f.id DESC LIMIT most;
END
$$;
"""


class Migration(migrations.Migration):
    """Replaces functions. Not reversible: the earlier versions would show other senders' cases."""

    dependencies = [
        ("orient", "0019_danger_messages"),
        ("accounts", "0012_presented_credentials"),
    ]
    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
