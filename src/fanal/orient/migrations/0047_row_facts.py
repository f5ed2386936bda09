"""Adds to the rows of the queue the facts by which it is filtered, and more filters to saved views."""

from django.db import migrations

FORWARD = """
ALTER TABLE orient_case
    ADD COLUMN language text NOT NULL DEFAULT '',
    ADD COLUMN age smallint,
    ADD COLUMN departement text NOT NULL DEFAULT '',
    ADD COLUMN conversation boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT orient_case_age CHECK (age BETWEEN 0 AND 120);
ALTER TABLE orient_view ADD COLUMN more jsonb NOT NULL DEFAULT '{}';
"""
BACKWARD = """
ALTER TABLE orient_view DROP COLUMN more;
ALTER TABLE orient_case DROP COLUMN language, DROP COLUMN age, DROP COLUMN departement, DROP COLUMN conversation;
"""


class Migration(migrations.Migration):
    """Written in SQL, like the package's other tables (unmanaged models)."""

    dependencies = [("orient", "0046_assignments")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
