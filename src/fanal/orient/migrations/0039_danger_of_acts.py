"""Indexes reports at the level DANGER in any state, so that the acts based on them are sent first."""

from django.db import migrations


class Migration(migrations.Migration):
    """Creates one partial index."""

    dependencies = [("orient", "0038_callers_server")]
    operations = [
        migrations.RunSQL(
            "CREATE INDEX orient_case_in_danger ON orient_case (desk_id, report_id)"
            " WHERE level = 'DANGER'",
            "DROP INDEX orient_case_in_danger",
        )
    ]
