"""Stores for each account whether its person wants each report of the queue on one line."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Adds a column with a default, so that processes of the earlier version continue to work."""

    dependencies = [("accounts", "0024_blocklist")]
    operations = [
        migrations.AddField(
            "user", "dense_rows", models.BooleanField(default=False, db_default=False)
        )
    ]
