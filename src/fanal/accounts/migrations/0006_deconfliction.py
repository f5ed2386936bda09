"""Adds a kind of standing instruction: de-confliction (private set intersection with other organisations)."""

from django.db import migrations

SQL = """
ALTER TABLE accounts_instruction DROP CONSTRAINT accounts_instruction_kind;
ALTER TABLE accounts_instruction ADD CONSTRAINT accounts_instruction_kind CHECK (
    kind IN ('FEEDBACK', 'DISTRIBUTION', 'LIST_SERVICE', 'LIST_FETCH', 'DECONFLICTION'));
"""
BACK = """
ALTER TABLE accounts_instruction DROP CONSTRAINT accounts_instruction_kind;
ALTER TABLE accounts_instruction ADD CONSTRAINT accounts_instruction_kind CHECK (
    kind IN ('FEEDBACK', 'DISTRIBUTION', 'LIST_SERVICE', 'LIST_FETCH')) NOT VALID;
"""


class Migration(migrations.Migration):
    """Replaces the CHECK constraint on the kinds of standing instruction."""

    dependencies = [("accounts", "0005_instruction_of")]
    operations = [migrations.RunSQL(SQL, BACK)]
