"""The queue goes by when a report may be tried: one that had its turn stands behind those that had none."""

from django.db import migrations

FORWARD = """
DROP INDEX intake_work_queue;
CREATE INDEX intake_work_queue ON intake_work (stage, urgent DESC, slow_lane, not_before, report_id)
    WHERE quarantined_at IS NULL;
"""
BACK = """
DROP INDEX intake_work_queue;
CREATE INDEX intake_work_queue ON intake_work (stage, urgent DESC, slow_lane, report_id)
    WHERE quarantined_at IS NULL;
"""


class Migration(migrations.Migration):
    """An index."""

    dependencies = [("intake", "0029_backlog_of_partners")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
