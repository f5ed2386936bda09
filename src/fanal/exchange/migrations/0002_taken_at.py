"""Adds to a source's entry the partner's date of its last change, since pages may come in any order."""

from django.db import migrations

FORWARD = "ALTER TABLE exchange_taken ADD COLUMN at timestamptz"
BACKWARD = "ALTER TABLE exchange_taken DROP COLUMN at"


class Migration(migrations.Migration):
    """Adds the column `at` to the table of entries taken from partners."""

    dependencies = [("exchange", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
