"""Creates the table of picture hashes of decided reports, to find similar pictures."""

from django.db import migrations

FORWARD = """
-- `bands` are the sixteen 16-bit pieces of the hash, each with its place above it: two hashes at most 31 bits
-- apart have a piece in which at most one bit differs.
CREATE TABLE orient_assessed (
    report_id uuid NOT NULL,
    desk_id integer NOT NULL,
    pdq bytea NOT NULL CHECK (octet_length(pdq) = 32),
    bands integer[] NOT NULL,
    CONSTRAINT orient_assessed_pkey PRIMARY KEY (report_id, pdq)
);
CREATE INDEX orient_assessed_bands ON orient_assessed USING gin (bands) WITH (fastupdate = off);
"""


class Migration(migrations.Migration):
    """Written in SQL, like the package's other tables (unmanaged models)."""

    dependencies = [("orient", "0009_duplicates")]
    operations = [migrations.RunSQL(FORWARD, "DROP TABLE orient_assessed;")]
