"""Lets a public node look up keys only of the public, or of a partner whose secret was presented to it."""

from django.db import migrations

FORWARD = """
CREATE OR REPLACE FUNCTION intake_known(senders uuid[], kinds text[], digests bytea[]) RETURNS TABLE (
    sender_id uuid, kind text, digest bytea, fingerprint bytea, report_id uuid)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM intake_require_sender(s.sender, true) FROM (SELECT DISTINCT unnest(senders)) AS s (sender);
    RETURN QUERY SELECT k.sender_id, k.kind, k.digest, k.fingerprint, k.report_id
    FROM unnest(senders, kinds, digests) AS w (sender_id, kind, digest)
    JOIN intake_key k USING (sender_id, kind, digest);
END
$$;
"""


class Migration(migrations.Migration):
    """Replaces a function. Not reversible: the earlier version answers for senders whose secret was not presented."""

    dependencies = [("intake", "0018_own_objects")]
    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
