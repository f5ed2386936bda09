"""A process that calls says whether its mail reaches anybody: one that reaches nobody leaves calls to the others."""

from django.db import migrations


class Migration(migrations.Migration):
    """One column of the signs of life."""

    dependencies = [("orient", "0032_settled_alarms")]
    operations = [
        migrations.RunSQL(
            "ALTER TABLE orient_caller ADD COLUMN reaches boolean NOT NULL DEFAULT true",
            "ALTER TABLE orient_caller DROP COLUMN reaches",
        )
    ]
