"""When the counterpart's service took our conclusion: without it the conclusion is handed in again."""

from django.db import migrations


class Migration(migrations.Migration):
    """One column."""

    dependencies = [("deconfliction", "0001_initial")]
    operations = [
        migrations.RunSQL(
            "ALTER TABLE deconfliction_message ADD COLUMN delivered_at timestamptz;",
            "ALTER TABLE deconfliction_message DROP COLUMN delivered_at;",
        )
    ]
