"""Records which session raised an alarm without a call, so that each session gets a share of each round.

A round is one pass of the process that sends calls. Before, an alarm from one session had to wait for
thousands of earlier alarms of another.
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
    """Changes the table created in `0029_late_calls`."""

    dependencies = [("orient", "0029_late_calls")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
