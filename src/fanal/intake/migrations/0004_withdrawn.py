"""Indexes retracted and expired reports, which the desk counts (decision 29)."""

from django.db import migrations

SQL = """CREATE INDEX intake_report_withdrawn ON intake_report (changed_at, state)
    WHERE state IN ('RETRACTED', 'EXPIRED')"""


class Migration(migrations.Migration):
    """Creates a partial index, so that counting them reads no other report."""

    dependencies = [("intake", "0003_sender_index")]
    operations = [migrations.RunSQL(SQL, "DROP INDEX intake_report_withdrawn")]
