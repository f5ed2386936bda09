"""The desk sees how many reports their senders took back or never finished (decisions 29)."""

from django.db import migrations

SQL = """CREATE INDEX intake_report_withdrawn ON intake_report (changed_at, state)
    WHERE state IN ('RETRACTED', 'EXPIRED')"""


class Migration(migrations.Migration):
    """A partial index: counting them reads no other report."""

    dependencies = [("intake", "0003_sender_index")]
    operations = [migrations.RunSQL(SQL, "DROP INDEX intake_report_withdrawn")]
