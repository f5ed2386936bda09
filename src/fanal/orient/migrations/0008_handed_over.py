"""Adds the case state HANDED_OVER, for reports that another desk has taken; it can be left again."""

from django.db import migrations

FORWARD = """
ALTER TABLE orient_case DROP CONSTRAINT orient_case_state;
ALTER TABLE orient_case ADD CONSTRAINT orient_case_state CHECK (state IN (
    'TO_ASSESS', 'CLAIMED', 'FOLDED', 'HANDED_OVER', 'TO_SECOND', 'DECIDED', 'CLOSED', 'WITHDRAWN'));
CREATE INDEX orient_case_away ON orient_case (desk_id, rank, report_id) WHERE state = 'HANDED_OVER';

DROP TRIGGER orient_case_releases ON orient_case;
CREATE TRIGGER orient_case_releases AFTER UPDATE OF state ON orient_case FOR EACH ROW
    WHEN (NEW.state <> OLD.state
          AND NEW.state IN ('HANDED_OVER', 'TO_SECOND', 'DECIDED', 'CLOSED', 'WITHDRAWN'))
    EXECUTE FUNCTION orient_release_folded();

CREATE OR REPLACE FUNCTION orient_withdraw(report uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE orient_case c SET state = 'WITHDRAWN', claimed_by = NULL, lease_until = NULL, head_id = NULL
    WHERE c.report_id = report AND c.state IN ('TO_ASSESS', 'CLAIMED', 'FOLDED', 'HANDED_OVER');
    RETURN FOUND;
END
$$;
"""
BACKWARD = """
UPDATE orient_case SET state = 'TO_ASSESS' WHERE state = 'HANDED_OVER';
CREATE OR REPLACE FUNCTION orient_withdraw(report uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE orient_case c SET state = 'WITHDRAWN', claimed_by = NULL, lease_until = NULL, head_id = NULL
    WHERE c.report_id = report AND c.state IN ('TO_ASSESS', 'CLAIMED', 'FOLDED');
    RETURN FOUND;
END
$$;
DROP TRIGGER orient_case_releases ON orient_case;
CREATE TRIGGER orient_case_releases AFTER UPDATE OF state ON orient_case FOR EACH ROW
    WHEN (NEW.state <> OLD.state AND NEW.state IN ('TO_SECOND', 'DECIDED', 'CLOSED', 'WITHDRAWN'))
    EXECUTE FUNCTION orient_release_folded();
DROP INDEX orient_case_away;
ALTER TABLE orient_case DROP CONSTRAINT orient_case_state;
ALTER TABLE orient_case ADD CONSTRAINT orient_case_state CHECK (
    state IN ('TO_ASSESS', 'CLAIMED', 'FOLDED', 'TO_SECOND', 'DECIDED', 'CLOSED', 'WITHDRAWN'));
"""


class Migration(migrations.Migration):
    """Written in SQL, like the package's other tables (unmanaged models)."""

    dependencies = [("orient", "0007_folding")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
