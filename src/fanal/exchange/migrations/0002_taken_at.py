"""Stores with each entry of a partner's list the partner's date of its last change.

Pages of a list may arrive in any order: an older statement must not replace a newer one.
"""

from django.db import migrations

FORWARD = "ALTER TABLE exchange_taken ADD COLUMN at timestamptz"
BACKWARD = "ALTER TABLE exchange_taken DROP COLUMN at"


class Migration(migrations.Migration):
    """Adds the column `at` to the table of entries taken from partners."""

    dependencies = [("exchange", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
