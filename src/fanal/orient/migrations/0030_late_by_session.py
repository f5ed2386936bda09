"""Of an alarm whose call is not queued yet stands which session told of it: each has its share of a look.

Between the first and the last of a flood stood whoever told of an eleventh child meanwhile, from elsewhere.
"""

from django.db import migrations

FORWARD = """
ALTER TABLE orient_late ADD COLUMN queued_by integer NOT NULL DEFAULT 0;
ALTER TABLE orient_late ALTER COLUMN queued_by SET DEFAULT pg_backend_pid();
CREATE INDEX orient_late_by_session ON orient_late (queued_by, told_at);
DROP INDEX orient_late_told_at;
"""
BACK = """
CREATE INDEX orient_late_told_at ON orient_late (told_at);
DROP INDEX orient_late_by_session;
ALTER TABLE orient_late DROP COLUMN queued_by;
"""


class Migration(migrations.Migration):
    """The table's first form stands in `0029_late_calls`."""

    dependencies = [("orient", "0029_late_calls")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
