"""Records since when a text waits for the text model, so that texts which no worker reads can be counted."""

from django.db import migrations

FORWARD = """
ALTER TABLE analyse_unread ADD COLUMN queued_at timestamptz NOT NULL DEFAULT now();

-- The number of texts that nobody reads: the oldest has waited for 15 minutes, no worker has one, and no
-- report waits for a stage. 0 if they are read in their turn.
CREATE FUNCTION analyse_stuck_texts() RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT CASE WHEN min(queued_at) < now() - interval '15 minutes'
            AND NOT EXISTS (SELECT FROM analyse_unread WHERE lease_until > now())
            AND NOT EXISTS (SELECT FROM intake_work
                WHERE quarantined_at IS NULL AND not_before <= now())
        THEN count(*) ELSE 0 END
    FROM analyse_unread WHERE attempts < 2
$$;
"""
BACKWARD = """
DROP FUNCTION analyse_stuck_texts;
ALTER TABLE analyse_unread DROP COLUMN queued_at;
"""


class Migration(migrations.Migration):
    """Adds a column to the queue of texts, and the function that counts the texts that no worker reads."""

    dependencies = [("analyse", "0015_withdrawals"), ("intake", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
