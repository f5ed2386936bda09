"""Refuses a verdict on an official act that is dated before the bytes which it signs were written."""

from importlib import import_module

from django.db import migrations

_GUARDS: str = import_module("fanal.casework.migrations.0001_initial").GUARDS
_NAMED = "CREATE FUNCTION casework_approval_guard()"
_ENDS = "END $$;\n"
_BODY = _GUARDS.partition(_NAMED)[2].partition(_ENDS)[0]
BEFORE = f"CREATE OR REPLACE FUNCTION casework_approval_guard(){_BODY}{_ENDS}"
ORDER = """    IF NEW.approved_at < written.written_at THEN
        RAISE EXCEPTION 'the verdict is dated before these bytes' USING ERRCODE = 'check_violation';
    END IF;
"""
GUARD = BEFORE.replace("    RETURN NEW;\n", ORDER + "    RETURN NEW;\n")


class Migration(migrations.Migration):
    """Checks new rows."""

    dependencies = [("casework", "0008_everywhere")]
    operations = [migrations.RunSQL(GUARD, BEFORE)]
