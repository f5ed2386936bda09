"""Records for each value of a list whether a person stated it, or only a source."""

from django.db import migrations

# Which of those that stand there now are a source's, the migration of `exchange` says.
FORWARD = "ALTER TABLE analyse_entry ADD COLUMN own boolean NOT NULL DEFAULT true"
BACKWARD = "ALTER TABLE analyse_entry DROP COLUMN own"


class Migration(migrations.Migration):
    """Adds the column `own` to the values of lists; existing values count as people's."""

    dependencies = [("analyse", "0008_votes")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
