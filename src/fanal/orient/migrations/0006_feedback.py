"""Creates the append-only table of feedback on reports (codes only), and the function to read it."""

from django.db import migrations

SQL = """
CREATE TABLE orient_feedback (
    id uuid NOT NULL,
    report_id uuid NOT NULL,
    desk_id integer NOT NULL,
    sender_id uuid NOT NULL,
    verdict text NOT NULL,
    lacks text[] NOT NULL DEFAULT '{}',
    origin text NOT NULL,
    author_id uuid NOT NULL,
    given_at timestamptz NOT NULL,
    CONSTRAINT orient_feedback_pkey PRIMARY KEY (id),
    CONSTRAINT orient_feedback_verdict CHECK (verdict IN ('USEFUL', 'DUPLICATE', 'LACKS_DATA')),
    CONSTRAINT orient_feedback_origin CHECK (origin IN ('PERSON', 'DECISION', 'FOLD')),
    -- Codes only: no word of a person can leave by this way.
    CONSTRAINT orient_feedback_lacks CHECK (
        (verdict = 'LACKS_DATA') = (cardinality(lacks) > 0) AND cardinality(lacks) <= 40
        AND array_to_string(lacks, ',', '?') ~ '^([A-Z_]{1,40}(,|$))*$')
);
CREATE INDEX orient_feedback_sender ON orient_feedback (sender_id, id);
CREATE INDEX orient_feedback_report ON orient_feedback (report_id, id);

CREATE FUNCTION orient_feedback_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'orient_feedback is append-only' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER orient_feedback_frozen BEFORE UPDATE OR DELETE ON orient_feedback
    FOR EACH ROW EXECUTE FUNCTION orient_feedback_frozen();
CREATE TRIGGER orient_feedback_kept BEFORE TRUNCATE ON orient_feedback
    FOR EACH STATEMENT EXECUTE FUNCTION orient_feedback_frozen();

-- What a sender may fetch: feedback on its own reports, in the order given, never who gave it.
CREATE FUNCTION orient_feedback_for(sender uuid, of_report uuid, after uuid, until timestamptz, most integer)
RETURNS TABLE (id uuid, report_id uuid, reference text, wire_id bigint, verdict text, lacks text[],
    given_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT f.id, f.report_id, r.reference, r.wire_id, f.verdict, f.lacks, f.given_at
    FROM orient_feedback f JOIN intake_report r ON r.id = f.report_id
    WHERE f.sender_id = sender AND r.sender_id = sender AND f.id > after AND f.given_at <= until
      AND (of_report IS NULL OR f.report_id = of_report)
    ORDER BY f.id LIMIT most
$$;
"""

DROP = """
DROP FUNCTION orient_feedback_for;
DROP TABLE orient_feedback;
DROP FUNCTION orient_feedback_frozen();
"""


class Migration(migrations.Migration):
    """The model is unmanaged: constraints are written in SQL."""

    dependencies = [("orient", "0005_signal_counts")]
    operations = [migrations.RunSQL(SQL, DROP)]
