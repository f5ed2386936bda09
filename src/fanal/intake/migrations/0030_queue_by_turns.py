"""Orders the work queue by the time of the next attempt: reports not tried yet come before those tried."""

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
    """Replaces an index."""

    dependencies = [("intake", "0029_backlog_of_partners")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
