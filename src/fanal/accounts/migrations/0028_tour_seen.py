"""Stores for each account whether its person has seen the introductory tour of the first sign-in."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Adds a column with a default; people who have signed in before are not shown the tour."""

    dependencies = [("accounts", "0027_desks")]
    operations = [
        migrations.AddField(
            "user", "tour_seen", models.BooleanField(default=False, db_default=False)
        ),
        migrations.RunSQL(
            "UPDATE accounts_user SET tour_seen = true WHERE last_login IS NOT NULL",
            migrations.RunSQL.noop,
        ),
    ]
