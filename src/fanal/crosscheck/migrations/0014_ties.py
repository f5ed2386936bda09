"""Creates the table of the certain links of erased reports (ids only), which keep their dossiers together."""

from django.db import migrations

SQL = """
CREATE TABLE crosscheck_tie (
    erased_id uuid NOT NULL,
    other_id uuid NOT NULL,
    desk_id integer NOT NULL,
    other_desk_id integer NOT NULL,
    score real NOT NULL,
    CONSTRAINT crosscheck_tie_pkey PRIMARY KEY (erased_id, other_id),
    CONSTRAINT crosscheck_tie_of_two CHECK (erased_id <> other_id)
);
CREATE INDEX crosscheck_tie_other ON crosscheck_tie (other_id);
"""


class Migration(migrations.Migration):
    """Links that earlier erasures deleted are not restored."""

    dependencies = [("crosscheck", "0013_members_erased")]
    operations = [migrations.RunSQL(SQL, "DROP TABLE crosscheck_tie")]
