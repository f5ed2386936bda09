"""Indexes objects by pack (a file of many objects); an index entry takes a few bytes per row."""

from django.db import migrations


class Migration(migrations.Migration):
    """Objects in files of their own have no pack and are not in the index."""

    dependencies = [("vault", "0001_initial")]
    operations = [
        migrations.RunSQL(
            "CREATE INDEX vault_object_pack ON vault_object (pack_id) WHERE pack_id IS NOT NULL",
            "DROP INDEX vault_object_pack",
        )
    ]
