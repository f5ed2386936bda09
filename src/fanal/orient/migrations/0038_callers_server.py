"""A process that calls says whether it has a mail server: one without leaves calls to those whose server fails, too."""

from django.db import migrations


class Migration(migrations.Migration):
    """One column of the signs of life."""

    dependencies = [("orient", "0037_not_ahead")]
    operations = [
        migrations.RunSQL(
            "ALTER TABLE orient_caller ADD COLUMN has_server boolean NOT NULL DEFAULT true",
            "ALTER TABLE orient_caller DROP COLUMN has_server",
        )
    ]
