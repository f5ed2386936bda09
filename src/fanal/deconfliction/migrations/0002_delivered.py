"""Records when the counterpart's service accepted our conclusion; until then it is delivered again."""

from django.db import migrations


class Migration(migrations.Migration):
    """Adds the column `delivered_at` to the table of messages."""

    dependencies = [("deconfliction", "0001_initial")]
    operations = [
        migrations.RunSQL(
            "ALTER TABLE deconfliction_message ADD COLUMN delivered_at timestamptz;",
            "ALTER TABLE deconfliction_message DROP COLUMN delivered_at;",
        )
    ]
