"""Stores with each entry of a partner's list the end of its validity, if the partner has stated one.

The entry is withdrawn at that time without a further message from the partner.
"""

from django.db import migrations

FORWARD = """
ALTER TABLE exchange_taken ADD COLUMN ends_at timestamptz;
CREATE INDEX exchange_taken_ends ON exchange_taken (source_id, ends_at) WHERE ends_at IS NOT NULL;
"""

BACKWARD = "ALTER TABLE exchange_taken DROP COLUMN ends_at"


class Migration(migrations.Migration):
    """Adds the column `ends_at` to the table of entries taken from partners, and its index."""

    dependencies = [("exchange", "0002_taken_at")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
