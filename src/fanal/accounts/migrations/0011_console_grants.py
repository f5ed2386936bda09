"""Lets only the operator's console, and no web process, grant a habilitation in the name of the system."""

from django.db import migrations

SQL = """
CREATE OR REPLACE FUNCTION accounts_mark_approving() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    console CONSTANT boolean := NEW.granted_by_id = '00000000-0000-7000-8000-000000000001';
BEGIN
    IF console AND current_user NOT IN ('fanal_worker', 'fanal_owner') THEN
        RAISE EXCEPTION 'the system grants at the console alone' USING ERRCODE = 'insufficient_privilege';
    END IF;
    NEW.needs_approval := NEW.role IN ('SUPERVISOR', 'MEASURES_OFFICER') AND NOT console;
    RETURN NEW;
END $$;
"""

BEFORE = """
CREATE OR REPLACE FUNCTION accounts_mark_approving() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.needs_approval := NEW.role IN ('SUPERVISOR', 'MEASURES_OFFICER')
        AND NEW.granted_by_id <> '00000000-0000-7000-8000-000000000001';
    RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0010_habilitation_approval")]
    operations = [migrations.RunSQL(SQL, BEFORE)]
