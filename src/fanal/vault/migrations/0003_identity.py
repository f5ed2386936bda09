"""Which vault the rows point into: a node that sees another one refuses to start."""

from django.db import migrations


class Migration(migrations.Migration):
    """One row at most; it is written by `fanal migrate` and never changes."""

    dependencies = [("vault", "0002_places_by_pack")]
    operations = [
        migrations.RunSQL(
            "CREATE TABLE fanal_vault ("
            " only_row boolean PRIMARY KEY DEFAULT true CONSTRAINT fanal_vault_only_row CHECK (only_row),"
            " digest bytea NOT NULL CONSTRAINT fanal_vault_digest CHECK (length(digest) = 32))",
            "DROP TABLE fanal_vault",
        )
    ]
