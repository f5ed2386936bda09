"""Keeps which blockings wait since a restore: in force in the database, absent from the newest published version.

They were lifted since the backup, or are in force: two supervisors decide. The table holds no name.
"""

from django.db import migrations

SQL = """
CREATE TABLE measures_blocklist_returned (
    act_id uuid NOT NULL,
    serial bigint NOT NULL,
    CONSTRAINT measures_blocklist_returned_pkey PRIMARY KEY (act_id),
    CONSTRAINT measures_blocklist_returned_act FOREIGN KEY (act_id) REFERENCES casework_act (id),
    CONSTRAINT measures_blocklist_returned_serial FOREIGN KEY (serial) REFERENCES measures_blocklist (serial)
);
"""
BACK = "DROP TABLE measures_blocklist_returned"


class Migration(migrations.Migration):
    """Written in SQL, like the other tables of the list."""

    dependencies = [("measures", "0023_near_decisions")]
    operations = [migrations.RunSQL(SQL, BACK)]
