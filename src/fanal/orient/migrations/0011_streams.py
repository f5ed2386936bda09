"""Adds indexes for every view of the queue with every filter, and a flag for overdue cases."""

from django.db import migrations

FORWARD = """
-- Set by the worker once `due_at` is past (`operations/lateness.py`), so that late cases lie in the order of the
-- queue in an index: what is past moves with the clock, and no index can follow it.
ALTER TABLE orient_case ADD COLUMN late boolean NOT NULL DEFAULT false;
DROP INDEX orient_case_desks, orient_case_kind, orient_case_channel, orient_case_country, orient_case_due;
UPDATE orient_case SET late = true
WHERE state IN ('TO_ASSESS', 'CLAIMED', 'TO_SECOND') AND due_at <= now();

CREATE INDEX orient_case_late ON orient_case (desk_id, rank, report_id)
    WHERE late AND state IN ('TO_ASSESS', 'CLAIMED', 'TO_SECOND');
CREATE INDEX orient_case_due ON orient_case (due_at, desk_id)
    WHERE NOT late AND state IN ('TO_ASSESS', 'CLAIMED', 'TO_SECOND');
-- A page is merged from one stream for each combination of what the filters leave open (`queries/streams.py`).
CREATE INDEX orient_case_facets ON orient_case (desk_id, kind, state, late, channel, level, rank, report_id)
    WHERE state NOT IN ('FOLDED', 'WITHDRAWN');
CREATE INDEX orient_case_places ON orient_case
    (desk_id, country, kind, state, late, channel, level, rank, report_id)
    WHERE country <> '' AND state NOT IN ('FOLDED', 'WITHDRAWN');

CREATE FUNCTION orient_due_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.late := false;
    RETURN NEW;
END
$$;
CREATE TRIGGER orient_case_due_moved BEFORE UPDATE OF due_at ON orient_case FOR EACH ROW
    WHEN (OLD.late AND NEW.due_at <> OLD.due_at) EXECUTE FUNCTION orient_due_moved();
"""
BACKWARD = """
DROP TRIGGER orient_case_due_moved ON orient_case;
DROP FUNCTION orient_due_moved;
DROP INDEX orient_case_late, orient_case_due, orient_case_facets, orient_case_places;
ALTER TABLE orient_case DROP COLUMN late;
CREATE INDEX orient_case_desks ON orient_case (rank, report_id) WHERE state IN ('TO_ASSESS', 'CLAIMED');
CREATE INDEX orient_case_kind ON orient_case (desk_id, kind, rank, report_id)
    WHERE state IN ('TO_ASSESS', 'CLAIMED');
CREATE INDEX orient_case_channel ON orient_case (desk_id, channel, rank, report_id)
    WHERE state IN ('TO_ASSESS', 'CLAIMED');
CREATE INDEX orient_case_country ON orient_case (desk_id, country, rank, report_id)
    WHERE state IN ('TO_ASSESS', 'CLAIMED');
CREATE INDEX orient_case_due ON orient_case (desk_id, due_at)
    WHERE state IN ('TO_ASSESS', 'CLAIMED', 'TO_SECOND');
"""


class Migration(migrations.Migration):
    """Written in SQL, like the package's other tables (unmanaged models)."""

    dependencies = [("orient", "0010_assessed")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
