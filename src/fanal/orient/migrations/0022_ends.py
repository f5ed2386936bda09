"""Keeps the desk's database role from ending a case as EXPIRED or WITHDRAWN.

Only the worker lets a case expire, and only the sender withdraws a report.
"""

from django.db import migrations

FORWARD = """
CREATE FUNCTION orient_case_ends() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'the desk makes no case %', NEW.state USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER orient_case_ends BEFORE INSERT OR UPDATE OF state ON orient_case FOR EACH ROW
    WHEN (current_user = 'fanal_app' AND NEW.state IN ('EXPIRED', 'WITHDRAWN'))
    EXECUTE FUNCTION orient_case_ends();
"""
BACK = """
DROP TRIGGER orient_case_ends ON orient_case;
DROP FUNCTION orient_case_ends;
"""


class Migration(migrations.Migration):
    dependencies = [("orient", "0021_danger_now")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
