"""Of an entry of a source it is known when the partner changed it last: pages come in any order."""

from django.db import migrations

FORWARD = "ALTER TABLE exchange_taken ADD COLUMN at timestamptz"
BACKWARD = "ALTER TABLE exchange_taken DROP COLUMN at"


class Migration(migrations.Migration):
    """A column."""

    dependencies = [("exchange", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
