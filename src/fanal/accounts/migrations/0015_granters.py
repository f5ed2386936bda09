"""Checks that a habilitation (grant of a role) names a known role and a permitted granter.

The granter must be the operator's console, or a supervisor of the desk. Only the console grants roles outside
a desk.
"""

from django.db import migrations

SQL = """
CREATE OR REPLACE FUNCTION accounts_mark_approving() RETURNS trigger LANGUAGE plpgsql
    SET search_path = public, pg_temp AS $$
DECLARE
    console CONSTANT boolean := NEW.granted_by_id = '00000000-0000-7000-8000-000000000001';
    at_a_desk CONSTANT boolean := NEW.role IN ('ANALYST', 'SUPERVISOR', 'JUDICIAL_OFFICER', 'MEASURES_OFFICER');
BEGIN
    IF console AND current_user NOT IN ('fanal_worker', 'fanal_owner') THEN
        RAISE EXCEPTION 'the system grants at the console alone' USING ERRCODE = 'insufficient_privilege';
    ELSIF NOT at_a_desk AND NEW.role NOT IN ('OVERSEER', 'LABORATORY', 'PARTNER', 'STATISTICIAN',
                                             'ADMINISTRATOR') THEN
        RAISE EXCEPTION 'nobody is habilitated as "%"', NEW.role USING ERRCODE = 'check_violation';
    ELSIF at_a_desk IS DISTINCT FROM (NEW.desk_id IS NOT NULL) THEN
        RAISE EXCEPTION 'a role of the desk names its desk, no other does' USING ERRCODE = 'check_violation';
    ELSIF NOT at_a_desk AND NOT console THEN
        RAISE EXCEPTION 'roles outside a desk are granted at the console'
            USING ERRCODE = 'insufficient_privilege';
    ELSIF NOT console AND NOT accounts_acts(NEW.granted_by_id, ARRAY['SUPERVISOR'], NEW.desk_id,
                                            NEW.granted_at, '{}') THEN
        RAISE EXCEPTION 'the granter supervises another desk, or none' USING ERRCODE = 'check_violation';
    END IF;
    NEW.needs_approval := NEW.role IN ('SUPERVISOR', 'MEASURES_OFFICER') AND NOT console;
    RETURN NEW;
END $$;
"""

BEFORE = """
CREATE OR REPLACE FUNCTION accounts_mark_approving() RETURNS trigger LANGUAGE plpgsql
    SET search_path = public, pg_temp AS $$
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


class Migration(migrations.Migration):
    """Only new rows are checked; existing habilitations stay as they are."""

    dependencies = [("accounts", "0014_hoarded_locks")]
    operations = [migrations.RunSQL(SQL, BEFORE)]
