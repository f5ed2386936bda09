"""Adds the case state EXPIRED for reports that were erased before a decision.

Reports that were folded into them (as duplicates) return to the queue.
"""

from django.db import migrations

FORWARD = """
ALTER TABLE orient_case DROP CONSTRAINT orient_case_state;
ALTER TABLE orient_case ADD CONSTRAINT orient_case_state CHECK (state IN ('TO_ASSESS', 'CLAIMED', 'FOLDED',
    'HANDED_OVER', 'TO_SECOND', 'DECIDED', 'CLOSED', 'WITHDRAWN', 'EXPIRED'));
DROP TRIGGER orient_case_releases ON orient_case;
CREATE TRIGGER orient_case_releases AFTER UPDATE OF state ON orient_case FOR EACH ROW
    WHEN (NEW.state <> OLD.state
          AND NEW.state IN ('HANDED_OVER', 'TO_SECOND', 'DECIDED', 'CLOSED', 'WITHDRAWN', 'EXPIRED'))
    EXECUTE FUNCTION orient_release_folded();
"""
BACKWARD = """
DROP TRIGGER orient_case_releases ON orient_case;
CREATE TRIGGER orient_case_releases AFTER UPDATE OF state ON orient_case FOR EACH ROW
    WHEN (NEW.state <> OLD.state
          AND NEW.state IN ('HANDED_OVER', 'TO_SECOND', 'DECIDED', 'CLOSED', 'WITHDRAWN'))
    EXECUTE FUNCTION orient_release_folded();
UPDATE orient_case SET state = 'TO_ASSESS' WHERE state = 'EXPIRED';
ALTER TABLE orient_case DROP CONSTRAINT orient_case_state;
ALTER TABLE orient_case ADD CONSTRAINT orient_case_state CHECK (state IN (
    'TO_ASSESS', 'CLAIMED', 'FOLDED', 'HANDED_OVER', 'TO_SECOND', 'DECIDED', 'CLOSED', 'WITHDRAWN'));
"""


class Migration(migrations.Migration):
    """Written in SQL, like the package's other tables (unmanaged models)."""

    dependencies = [("orient", "0013_newest_feedback")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
