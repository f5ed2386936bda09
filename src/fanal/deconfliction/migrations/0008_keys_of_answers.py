"""Stores the selector keys of our answer until its first fetch: each is checked again at that moment.

They replace the number of decisions on sharing that an answer took into account, which missed reports that
joined a withheld dossier. An answer that waits during the upgrade is made again.
"""

from django.db import migrations

SQL = """
ALTER TABLE deconfliction_message DROP COLUMN seen;
ALTER TABLE deconfliction_message ADD COLUMN keys uuid[];
"""
BACK = """
ALTER TABLE deconfliction_message DROP COLUMN keys;
ALTER TABLE deconfliction_message ADD COLUMN seen integer;
"""


class Migration(migrations.Migration):
    """Adds a column, filled for answers of this desk only."""

    dependencies = [("deconfliction", "0007_former_names")]
    operations = [migrations.RunSQL(SQL, BACK)]
