"""Records whether a process that sends calls has a mail server.

A process without one leaves calls to those that have one, even if their server fails.
"""

from django.db import migrations


class Migration(migrations.Migration):
    """Adds a column to the table of callers' heartbeats."""

    dependencies = [("orient", "0037_not_ahead")]
    operations = [
        migrations.RunSQL(
            "ALTER TABLE orient_caller ADD COLUMN has_server boolean NOT NULL DEFAULT true",
            "ALTER TABLE orient_caller DROP COLUMN has_server",
        )
    ]
