"""Creates the table with the identity of the vault; a node that sees another vault refuses to start."""

from django.db import migrations


class Migration(migrations.Migration):
    """The table has at most one row, which `fanal migrate` writes; no process changes it."""

    dependencies = [("vault", "0002_places_by_pack")]
    operations = [
        migrations.RunSQL(
            "CREATE TABLE fanal_vault ("
            " only_row boolean PRIMARY KEY DEFAULT true CONSTRAINT fanal_vault_only_row CHECK (only_row),"
            " digest bytea NOT NULL CONSTRAINT fanal_vault_digest CHECK (length(digest) = 32))",
            "DROP TABLE fanal_vault",
        )
    ]
