"""Counts how often the search for similar reports was stopped because it took too long."""

from django.db import migrations

SQL = "ALTER TABLE crosscheck_waiting ADD COLUMN attempts smallint NOT NULL DEFAULT 0;"


class Migration(migrations.Migration):
    """Adds a column with a constant default, so that no row is rewritten."""

    dependencies = [("crosscheck", "0008_spelling")]
    operations = [
        migrations.RunSQL(SQL, "ALTER TABLE crosscheck_waiting DROP COLUMN attempts;")
    ]
