"""Indexes objects by pack; equal keys share an index entry, so that a row takes a few bytes."""

from django.db import migrations


class Migration(migrations.Migration):
    """Large objects have no pack and are not in the index."""

    dependencies = [("vault", "0001_initial")]
    operations = [
        migrations.RunSQL(
            "CREATE INDEX vault_object_pack ON vault_object (pack_id) WHERE pack_id IS NOT NULL",
            "DROP INDEX vault_object_pack",
        )
    ]
