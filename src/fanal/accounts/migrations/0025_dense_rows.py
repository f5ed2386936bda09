"""Stores for each account whether its person wants the queue's rows on one line."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Adds a column with a default, so that a process of the earlier version goes on."""

    dependencies = [("accounts", "0024_blocklist")]
    operations = [
        migrations.AddField(
            "user", "dense_rows", models.BooleanField(default=False, db_default=False)
        )
    ]
