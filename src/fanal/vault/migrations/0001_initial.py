"""Creates the tables of the vault: sealed objects, and the list of erasures."""

from django.db import migrations

SQL = """
CREATE TABLE vault_object (
    id uuid NOT NULL,
    owner_id uuid NOT NULL,
    kind text NOT NULL,
    sha256 bytea NOT NULL,
    size bigint NOT NULL,
    pack_id uuid,
    place bigint,
    length bigint NOT NULL,
    wrapped_key bytea,
    wrap_key_id bytea NOT NULL,
    created_at timestamptz NOT NULL,
    erased_at timestamptz,
    CONSTRAINT vault_object_pkey PRIMARY KEY (id),
    CONSTRAINT vault_object_sha256 CHECK (length(sha256) = 32),
    CONSTRAINT vault_object_place CHECK ((pack_id IS NULL) = (place IS NULL)),
    CONSTRAINT vault_object_erased CHECK ((wrapped_key IS NULL) = (erased_at IS NOT NULL))
);
CREATE INDEX vault_object_owner ON vault_object (owner_id);

CREATE TABLE vault_erasure (
    owner_id uuid NOT NULL,
    kind text NOT NULL,
    erased_at timestamptz NOT NULL,
    CONSTRAINT vault_erasure_pkey PRIMARY KEY (owner_id, kind)
);
"""


class Migration(migrations.Migration):
    """Written in SQL, since the models are unmanaged."""

    initial = True
    dependencies: list[tuple[str, str]] = []
    operations = [migrations.RunSQL(SQL, migrations.RunSQL.noop)]
