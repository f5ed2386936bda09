"""Adds feedback from folds: DUPLICATE, and WITHDRAWN when the fold is undone."""

from django.db import migrations

FORWARD = """
ALTER TABLE orient_feedback DROP CONSTRAINT orient_feedback_verdict;
ALTER TABLE orient_feedback ADD CONSTRAINT orient_feedback_verdict CHECK (
    verdict IN ('USEFUL', 'DUPLICATE', 'LACKS_DATA', 'WITHDRAWN')
    AND (verdict <> 'WITHDRAWN' OR origin = 'FOLD'));

-- A UUIDv7 of this instant: the first 48 bits are milliseconds since 1970, the rest is random.
CREATE FUNCTION orient_feedback_id() RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) PLACING
        substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
        FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid
$$;

-- Nothing stays hidden behind a report that left the queue, whoever took it out and however. Where its sender
-- took it back, what was folded into it is a duplicate of nothing.
CREATE OR REPLACE FUNCTION orient_release_folded() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    freed uuid[];
BEGIN
    DELETE FROM orient_fold WHERE report_id = NEW.report_id;
    freed := ARRAY(SELECT m.report_id FROM orient_case m WHERE m.head_id = NEW.report_id
        UNION SELECT f.report_id FROM orient_fold f WHERE f.parent = NEW.report_id);
    UPDATE orient_fold SET level = 0, parent = NULL WHERE report_id = ANY (freed);
    UPDATE orient_case SET state = 'TO_ASSESS', head_id = NULL
    WHERE report_id = ANY (freed) AND state = 'FOLDED';
    IF NEW.state = 'WITHDRAWN' THEN
        INSERT INTO orient_feedback (id, report_id, desk_id, sender_id, verdict, origin, author_id, given_at)
        SELECT orient_feedback_id(), f.report_id, f.desk_id, f.sender_id, 'WITHDRAWN', 'FOLD',
            '00000000-0000-7000-8000-000000000001', clock_timestamp()
        FROM (SELECT DISTINCT ON (said.report_id) said.* FROM orient_feedback said
              WHERE said.report_id = ANY (freed) ORDER BY said.report_id, said.id DESC) f
        WHERE f.verdict = 'DUPLICATE' AND f.origin = 'FOLD';
    END IF;
    IF OLD.head_id IS NOT NULL THEN
        PERFORM orient_refresh_heads(ARRAY[OLD.head_id]);
    END IF;
    RETURN NULL;
END
$$;
"""
BACKWARD = """
CREATE OR REPLACE FUNCTION orient_release_folded() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    freed uuid[];
BEGIN
    DELETE FROM orient_fold WHERE report_id = NEW.report_id;
    freed := ARRAY(SELECT m.report_id FROM orient_case m WHERE m.head_id = NEW.report_id
        UNION SELECT f.report_id FROM orient_fold f WHERE f.parent = NEW.report_id);
    UPDATE orient_fold SET level = 0, parent = NULL WHERE report_id = ANY (freed);
    UPDATE orient_case SET state = 'TO_ASSESS', head_id = NULL
    WHERE report_id = ANY (freed) AND state = 'FOLDED';
    IF OLD.head_id IS NOT NULL THEN
        PERFORM orient_refresh_heads(ARRAY[OLD.head_id]);
    END IF;
    RETURN NULL;
END
$$;
DROP FUNCTION orient_feedback_id();
ALTER TABLE orient_feedback DISABLE TRIGGER orient_feedback_frozen;
DELETE FROM orient_feedback WHERE verdict = 'WITHDRAWN';
ALTER TABLE orient_feedback ENABLE TRIGGER orient_feedback_frozen;
ALTER TABLE orient_feedback DROP CONSTRAINT orient_feedback_verdict;
ALTER TABLE orient_feedback ADD CONSTRAINT orient_feedback_verdict CHECK (
    verdict IN ('USEFUL', 'DUPLICATE', 'LACKS_DATA'));
"""


class Migration(migrations.Migration):
    """Written in SQL, like the package's other tables (unmanaged models)."""

    dependencies = [("orient", "0008_handed_over")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
