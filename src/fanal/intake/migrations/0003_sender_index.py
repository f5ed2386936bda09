"""A sender asks for all that it sent, newest first."""

from django.db import migrations

SQL = "CREATE INDEX intake_report_sender ON intake_report (sender_id, id)"


class Migration(migrations.Migration):
    """An index on the partitioned table; later partitions get theirs with it."""

    dependencies = [("intake", "0002_public_node")]
    operations = [migrations.RunSQL(SQL, "DROP INDEX intake_report_sender")]
