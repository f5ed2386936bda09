"""Adds to standing instructions the organisations that may read the lists (`members`).

Two people approve these organisations together with the instruction.
"""

from django.db import migrations

SQL = """
ALTER TABLE accounts_instruction
    ADD COLUMN members text[] NOT NULL DEFAULT '{}',
    ADD CONSTRAINT accounts_instruction_members CHECK (cardinality(members) <= 100
        AND array_position(members, NULL) IS NULL AND array_position(members, '') IS NULL
        AND (kind = 'LIST_SERVICE' OR members = '{}'));
"""


class Migration(migrations.Migration):
    """Adds a column; instructions approved earlier open lists to nobody and must be renewed."""

    dependencies = [("accounts", "0008_expiry")]
    operations = [
        migrations.RunSQL(SQL, "ALTER TABLE accounts_instruction DROP COLUMN members CASCADE")
    ]
