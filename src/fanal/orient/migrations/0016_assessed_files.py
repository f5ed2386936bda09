"""Creates the table of file hashes of decided reports; later reports do not slow its search."""

from django.db import migrations

FORWARD = """
-- `key` is that of the sightings: the first 16 bytes of the SHA-256 of kind and value.
CREATE TABLE orient_assessed_file (
    key uuid NOT NULL,
    report_id uuid NOT NULL,
    desk_id integer NOT NULL,
    CONSTRAINT orient_assessed_file_pkey PRIMARY KEY (key, report_id)
);
CREATE INDEX orient_assessed_file_report ON orient_assessed_file (report_id);
"""


class Migration(migrations.Migration):
    """Written in SQL, like the package's other tables (unmanaged models)."""

    dependencies = [("orient", "0015_freed")]
    operations = [migrations.RunSQL(FORWARD, "DROP TABLE orient_assessed_file;")]
