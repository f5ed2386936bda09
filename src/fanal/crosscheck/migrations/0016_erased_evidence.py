"""Keeps what erased reports were evidence of: the state of a dossier, and that a value became too frequent."""

from django.db import migrations

SQL = """
CREATE TABLE crosscheck_successor (
    judgement_id uuid NOT NULL,
    report_id uuid NOT NULL,
    desk_id integer NOT NULL,
    CONSTRAINT crosscheck_successor_pkey PRIMARY KEY (report_id, judgement_id),
    CONSTRAINT crosscheck_successor_judgement FOREIGN KEY (judgement_id)
        REFERENCES crosscheck_judgement (id)
);

ALTER TABLE crosscheck_value ADD COLUMN kept boolean NOT NULL DEFAULT false;
"""
BACK = """
ALTER TABLE crosscheck_value DROP COLUMN kept;
DROP TABLE crosscheck_successor;
"""


class Migration(migrations.Migration):
    """What earlier erasures deleted does not come back."""

    dependencies = [("crosscheck", "0015_names")]
    operations = [migrations.RunSQL(SQL, BACK)]
