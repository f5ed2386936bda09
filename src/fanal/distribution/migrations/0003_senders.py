"""Creates the tables of other desks' signing keys and of the packages received."""

from django.db import migrations

FORWARD = """
-- One row a key. A desk signs with one at a time: what it signed before keeps its key and its time.
CREATE TABLE distribution_sender_key (
    id uuid PRIMARY KEY,
    code text NOT NULL CHECK (code ~ '^[A-Z0-9][A-Z0-9-]{1,39}$'),
    public_key bytea NOT NULL UNIQUE CHECK (octet_length(public_key) = 32),
    since timestamptz,
    until timestamptz CHECK (since IS NULL OR until > since),
    revoked_at timestamptz,
    added_by uuid NOT NULL,
    added_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX distribution_sender_key_in_force ON distribution_sender_key (code)
    WHERE until IS NULL AND revoked_at IS NULL;

-- A package is taken once from whoever made it: nobody uses up the number of another desk's. Where nothing
-- proves who made it `sender` and `key_id` are empty.
CREATE TABLE distribution_taken (
    package_id uuid NOT NULL,
    sender text NOT NULL,
    key_id uuid REFERENCES distribution_sender_key,
    digest bytea NOT NULL CHECK (octet_length(digest) = 32),
    made_at timestamptz NOT NULL,
    reports integer NOT NULL,
    taken_at timestamptz NOT NULL,
    CONSTRAINT distribution_taken_pkey PRIMARY KEY (package_id, sender),
    CONSTRAINT distribution_taken_proof CHECK ((sender = '') = (key_id IS NULL))
);
"""
BACKWARD = "DROP TABLE distribution_taken, distribution_sender_key;"


class Migration(migrations.Migration):
    dependencies = [("distribution", "0002_shares")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
