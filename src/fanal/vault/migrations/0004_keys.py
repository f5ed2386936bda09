"""Creates the table of the keys in use; a node that holds other keys refuses to start."""

from django.db import migrations


class Migration(migrations.Migration):
    """The table has a row for each key that the desk's machines share; only the database owner writes it."""

    dependencies = [("vault", "0003_identity")]
    operations = [
        migrations.RunSQL(
            "CREATE TABLE fanal_key ("
            " purpose text NOT NULL CONSTRAINT fanal_key_purpose CHECK (purpose ~ '^[a-z][a-z0-9-]{1,60}$'),"
            " fingerprint bytea NOT NULL CONSTRAINT fanal_key_fingerprint CHECK (length(fingerprint) = 32),"
            " since timestamptz NOT NULL DEFAULT now(),"
            " CONSTRAINT fanal_key_once PRIMARY KEY (purpose, fingerprint))",
            "DROP TABLE fanal_key",
        )
    ]
