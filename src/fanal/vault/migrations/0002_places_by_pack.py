"""The sweep asks which objects lie in a pack. Equal keys share one entry: a few bytes a row."""

from django.db import migrations


class Migration(migrations.Migration):
    """Large ones have no pack and need no entry."""

    dependencies = [("vault", "0001_initial")]
    operations = [
        migrations.RunSQL(
            "CREATE INDEX vault_object_pack ON vault_object (pack_id) WHERE pack_id IS NOT NULL",
            "DROP INDEX vault_object_pack",
        )
    ]
