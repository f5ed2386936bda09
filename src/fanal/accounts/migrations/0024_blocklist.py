"""Adds a kind of standing instruction: the publication of the blocking list."""

from django.db import migrations

SQL = """
ALTER TABLE accounts_instruction DROP CONSTRAINT accounts_instruction_kind;
ALTER TABLE accounts_instruction ADD CONSTRAINT accounts_instruction_kind CHECK (
    kind IN ('FEEDBACK', 'DISTRIBUTION', 'LIST_SERVICE', 'LIST_FETCH', 'DECONFLICTION', 'BLOCKLIST'));
"""
BACK = """
ALTER TABLE accounts_instruction DROP CONSTRAINT accounts_instruction_kind;
ALTER TABLE accounts_instruction ADD CONSTRAINT accounts_instruction_kind CHECK (
    kind IN ('FEEDBACK', 'DISTRIBUTION', 'LIST_SERVICE', 'LIST_FETCH', 'DECONFLICTION')) NOT VALID;
"""


class Migration(migrations.Migration):
    """Replaces the CHECK constraint on the kinds of standing instruction."""

    dependencies = [("accounts", "0023_credentials_stay")]
    operations = [migrations.RunSQL(SQL, BACK)]
