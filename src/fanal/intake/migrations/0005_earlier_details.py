"""A file described a second time keeps what was said before (contracts.md: nothing is dropped)."""

from django.db import migrations

SQL = "ALTER TABLE intake_upload ADD COLUMN earlier_ids uuid[] NOT NULL DEFAULT '{}'"


class Migration(migrations.Migration):
    """A list of sealed objects: the details documents that a later one replaced, oldest first."""

    dependencies = [("intake", "0004_withdrawn")]
    operations = [migrations.RunSQL(SQL, "ALTER TABLE intake_upload DROP COLUMN earlier_ids")]
