"""Creates the table of identifiers compared in spelling variants: their holders and blocking keys."""

from django.db import migrations

SQL = """
-- `value` and `keys` are keyed digests: no identifier can be read here. The earliest holder of a value (`first`) stands
-- for all: a value that very many hold costs a look-up no more than a rare one.
CREATE TABLE crosscheck_spelling (
    value bigint NOT NULL,
    report_id uuid NOT NULL,
    first boolean NOT NULL DEFAULT false,
    keys bigint[] NOT NULL,
    CONSTRAINT crosscheck_spelling_pkey PRIMARY KEY (value, report_id)
);
CREATE INDEX crosscheck_spelling_report ON crosscheck_spelling (report_id);
CREATE UNIQUE INDEX crosscheck_spelling_first ON crosscheck_spelling (value) WHERE first;
CREATE INDEX crosscheck_spelling_keys ON crosscheck_spelling USING gin (keys) WITH (fastupdate = off) WHERE first;
"""


class Migration(migrations.Migration):
    """Creates a table. Reports already linked are added by the next `fanal crosscheck rebuild`."""

    dependencies = [("crosscheck", "0007_near_order")]
    operations = [migrations.RunSQL(SQL, "DROP TABLE crosscheck_spelling;")]
