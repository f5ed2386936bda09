"""Keeps the earlier details documents of a file when the sender sends a new one (contracts.md)."""

from django.db import migrations

SQL = "ALTER TABLE intake_upload ADD COLUMN earlier_ids uuid[] NOT NULL DEFAULT '{}'"


class Migration(migrations.Migration):
    """Adds a list of sealed objects: the details documents that a later one replaced, oldest first."""

    dependencies = [("intake", "0004_withdrawn")]
    operations = [migrations.RunSQL(SQL, "ALTER TABLE intake_upload DROP COLUMN earlier_ids")]
