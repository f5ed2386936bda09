"""Creates the table of reports with similar ones whose dossiers are still to be joined."""

from django.db import migrations

SQL = """
-- Written with the similar pairs, emptied when they are joined: between the two a process may end.
CREATE TABLE crosscheck_unjoined (
    report_id uuid NOT NULL,
    CONSTRAINT crosscheck_unjoined_pkey PRIMARY KEY (report_id)
);
"""


class Migration(migrations.Migration):
    """Creates the table of these reports."""

    dependencies = [("crosscheck", "0017_names_of_cards")]
    operations = [migrations.RunSQL(SQL, "DROP TABLE crosscheck_unjoined;")]
