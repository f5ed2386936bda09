"""How often looking for what is similar to a report was ended because it took too long."""

from django.db import migrations

SQL = "ALTER TABLE crosscheck_waiting ADD COLUMN attempts smallint NOT NULL DEFAULT 0;"


class Migration(migrations.Migration):
    """A column with a constant default: no row is rewritten."""

    dependencies = [("crosscheck", "0008_spelling")]
    operations = [
        migrations.RunSQL(SQL, "ALTER TABLE crosscheck_waiting DROP COLUMN attempts;")
    ]
