"""Creates the function that counts waiting reports (back-pressure), and the table of refusals by partner."""

from django.db import migrations

SQL = """
-- How many reports wait for a stage, counted up to `most`: cheap however long the queue is.
CREATE FUNCTION intake_backlog(most integer) RETURNS integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT count(*)::integer FROM (
        SELECT FROM intake_work WHERE quarantined_at IS NULL LIMIT most) AS w
$$;

-- Refusals to a sender's programs, by hour, step and code: figures only, no report.
CREATE TABLE intake_refusal (
    sender_id uuid NOT NULL,
    hour timestamptz NOT NULL,
    step text NOT NULL,
    code text NOT NULL,
    refused integer NOT NULL,
    CONSTRAINT intake_refusal_pkey PRIMARY KEY (sender_id, hour, step, code),
    CONSTRAINT intake_refusal_code CHECK (length(step) <= 40 AND length(code) <= 40)
);

CREATE FUNCTION intake_count_refusal(sender uuid, at timestamptz, at_step text, with_code text)
RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO intake_refusal AS r (sender_id, hour, step, code, refused)
    VALUES (sender, date_trunc('hour', at, 'UTC'), at_step, with_code, 1)
    ON CONFLICT (sender_id, hour, step, code) DO UPDATE SET refused = r.refused + 1
$$;
"""

DROP = """
DROP FUNCTION intake_count_refusal(uuid, timestamptz, text, text);
DROP TABLE intake_refusal;
DROP FUNCTION intake_backlog(integer);
"""


class Migration(migrations.Migration):
    """Creates functions, and one small table of counts."""

    dependencies = [("intake", "0006_vics")]
    operations = [migrations.RunSQL(SQL, DROP)]
