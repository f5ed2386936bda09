"""Keeps whether a blocking left in the list under an instruction that named the change.

Others of one day count together: an error that is listed act by act leaves in many small changes.
"""

from django.db import migrations

SQL = "ALTER TABLE measures_blocklist_cleared ADD COLUMN named boolean NOT NULL DEFAULT false"
BACK = "ALTER TABLE measures_blocklist_cleared DROP COLUMN named"


class Migration(migrations.Migration):
    """Written in SQL, like the table."""

    dependencies = [("measures", "0015_list_versions")]
    operations = [migrations.RunSQL(SQL, BACK)]
