"""Marks reports released by a retraction, so that the worker folds them again; public nodes may not.

When a head report leaves the queue, its folded reports (duplicates) are released.
"""

from django.db import migrations

_RELEASE = """
CREATE OR REPLACE FUNCTION orient_release_folded() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    shown uuid[];
BEGIN
    DELETE FROM orient_fold WHERE report_id = NEW.report_id;
    shown := ARRAY(SELECT m.report_id FROM orient_case m WHERE m.head_id = NEW.report_id
        UNION SELECT f.report_id FROM orient_fold f WHERE f.parent = NEW.report_id);
    UPDATE orient_fold SET level = 0, parent = NULL{mark} WHERE report_id = ANY (shown);
    UPDATE orient_case SET state = 'TO_ASSESS', head_id = NULL
    WHERE report_id = ANY (shown) AND state = 'FOLDED';
    IF NEW.state = 'WITHDRAWN' THEN
        INSERT INTO orient_feedback (id, report_id, desk_id, sender_id, verdict, origin, author_id, given_at)
        SELECT orient_feedback_id(), f.report_id, f.desk_id, f.sender_id, 'WITHDRAWN', 'FOLD',
            '00000000-0000-7000-8000-000000000001', clock_timestamp()
        FROM (SELECT DISTINCT ON (said.report_id) said.* FROM orient_feedback said
              WHERE said.report_id = ANY (shown) ORDER BY said.report_id, said.id DESC) f
        WHERE f.verdict = 'DUPLICATE' AND f.origin = 'FOLD';
    END IF;
{count}    IF OLD.head_id IS NOT NULL THEN
        PERFORM orient_refresh_heads(ARRAY[OLD.head_id]);
    END IF;
    RETURN NULL;
END
$$;
"""
FORWARD = """
ALTER TABLE orient_fold ADD COLUMN freed boolean NOT NULL DEFAULT false;
CREATE INDEX orient_fold_freed ON orient_fold (report_id) WHERE freed;
""" + _RELEASE.replace("{mark}", ", freed = (NEW.state = 'WITHDRAWN')").replace(
    "{count}",
    """    IF OLD.folded > 0 THEN
        PERFORM orient_refresh_heads(ARRAY[NEW.report_id]);
    END IF;
""",
)
BACKWARD = _RELEASE.replace("{mark}", "").replace("{count}", "") + "ALTER TABLE orient_fold DROP COLUMN freed;"


class Migration(migrations.Migration):
    """Written in SQL, like the package's other tables (unmanaged models)."""

    dependencies = [("orient", "0014_expired")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
