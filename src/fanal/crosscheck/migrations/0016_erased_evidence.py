"""Keeps the dossier to which an erased report belonged, and that a value it held had become too frequent."""

from django.db import migrations

SQL = """
CREATE TABLE crosscheck_erased_member (
    report_id uuid NOT NULL,
    dossier_id uuid NOT NULL,
    desk_id integer NOT NULL,
    CONSTRAINT crosscheck_erased_member_pkey PRIMARY KEY (report_id)
);
CREATE INDEX crosscheck_erased_member_dossier ON crosscheck_erased_member (dossier_id);

ALTER TABLE crosscheck_value ADD COLUMN kept boolean NOT NULL DEFAULT false;
"""
BACK = """
ALTER TABLE crosscheck_value DROP COLUMN kept;
DROP TABLE crosscheck_erased_member;
"""


class Migration(migrations.Migration):
    """What earlier erasures deleted is not restored."""

    dependencies = [("crosscheck", "0015_names")]
    operations = [migrations.RunSQL(SQL, BACK)]
