"""Records whether a calling process has a working mail server; one without leaves calls to the others."""

from django.db import migrations


class Migration(migrations.Migration):
    """Adds a column to the table of callers' heartbeats."""

    dependencies = [("orient", "0032_settled_alarms")]
    operations = [
        migrations.RunSQL(
            "ALTER TABLE orient_caller ADD COLUMN reaches boolean NOT NULL DEFAULT true",
            "ALTER TABLE orient_caller DROP COLUMN reaches",
        )
    ]
