"""Creates the queue of texts that the text model has not read yet; it survives the end of a worker."""

from django.db import migrations

FORWARD = """
CREATE TABLE analyse_unread (
    report_id uuid NOT NULL,
    emergency boolean NOT NULL,
    -- Counted before a reading: one that ends its worker counts too. After two the text is left aside.
    attempts smallint NOT NULL DEFAULT 0,
    lease_token uuid,
    lease_until timestamptz,
    CONSTRAINT analyse_unread_pkey PRIMARY KEY (report_id)
);
CREATE INDEX analyse_unread_next ON analyse_unread (emergency DESC, attempts, report_id)
    WHERE attempts < 2;
"""


class Migration(migrations.Migration):
    """Creates a table, and an index for the order in which its texts are read."""

    dependencies = [("analyse", "0011_two_people")]
    operations = [migrations.RunSQL(FORWARD, "DROP TABLE analyse_unread;")]
