"""Adds an expiry (`ends_at`), as the sender stated it, to the values that people put into a list."""

from django.db import migrations

FORWARD = """
ALTER TABLE analyse_entry ADD COLUMN ends_at timestamptz;
CREATE INDEX analyse_entry_ends ON analyse_entry (ends_at) WHERE ends_at IS NOT NULL AND withdrawn_at IS NULL;
"""
BACKWARD = "ALTER TABLE analyse_entry DROP COLUMN ends_at"


class Migration(migrations.Migration):
    """Adds the column `ends_at` to the values of lists, and its index."""

    dependencies = [("analyse", "0009_own")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
