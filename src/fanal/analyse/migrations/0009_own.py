"""Of each value of a list it is known whether people put it there, or only a source did."""

from django.db import migrations

# Which of those that stand there now are a source's, the migration of `exchange` says.
FORWARD = "ALTER TABLE analyse_entry ADD COLUMN own boolean NOT NULL DEFAULT true"
BACKWARD = "ALTER TABLE analyse_entry DROP COLUMN own"


class Migration(migrations.Migration):
    """A column."""

    dependencies = [("analyse", "0008_votes")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
