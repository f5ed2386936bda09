"""Counts the texts that no worker reads even while reports wait less than a minute for a stage."""

from django.db import migrations

TEXTS = """
-- The number of texts that nobody reads: the oldest has waited for 15 minutes, no worker has one, and no
-- report waits for a stage{since}. 0 if they are read in their turn.
CREATE OR REPLACE FUNCTION analyse_stuck_texts() RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT CASE WHEN min(queued_at) < now() - interval '15 minutes'
            AND NOT EXISTS (SELECT FROM analyse_unread WHERE lease_until > now())
            AND NOT EXISTS (SELECT FROM intake_work
                WHERE quarantined_at IS NULL AND not_before <= now(){before})
        THEN count(*) ELSE 0 END
    FROM analyse_unread WHERE attempts < 2
$$;
"""
SQL = TEXTS.format(since=" since more than a minute", before=" - interval '1 minute'")
BACK = TEXTS.format(since="", before="")


class Migration(migrations.Migration):
    """Replaces the function that counts the texts that no worker reads."""

    dependencies = [("analyse", "0018_deep_headers")]
    operations = [migrations.RunSQL(SQL, BACK)]
