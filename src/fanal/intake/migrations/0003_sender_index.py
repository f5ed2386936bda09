"""Indexes reports by sender, newest first."""

from django.db import migrations

SQL = "CREATE INDEX intake_report_sender ON intake_report (sender_id, id)"


class Migration(migrations.Migration):
    """Creates an index on the partitioned table; later partitions inherit it."""

    dependencies = [("intake", "0002_public_node")]
    operations = [migrations.RunSQL(SQL, "DROP INDEX intake_report_sender")]
