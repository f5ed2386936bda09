"""Adds two kinds of judgement: opening and closing a dossier."""

from django.db import migrations

SQL = """
ALTER TABLE crosscheck_judgement DROP CONSTRAINT crosscheck_judgement_act,
    ADD CONSTRAINT crosscheck_judgement_act CHECK (
        act IN ('LINK', 'UNLINK', 'MERGE', 'SPLIT', 'REJECT', 'OPEN', 'CLOSE', 'UNDO'));
"""
BACK = """
ALTER TABLE crosscheck_judgement DROP CONSTRAINT crosscheck_judgement_act,
    ADD CONSTRAINT crosscheck_judgement_act CHECK (
        act IN ('LINK', 'UNLINK', 'MERGE', 'SPLIT', 'REJECT', 'UNDO')) NOT VALID;
"""


class Migration(migrations.Migration):
    """Replaces the CHECK constraint on the kinds of judgement."""

    dependencies = [("crosscheck", "0002_across_desks")]
    operations = [migrations.RunSQL(SQL, BACK)]
