"""Forbids to delete a partner's credential, or to change its login or secrets.

Otherwise a new row could restore a revoked credential.
"""

from django.db import migrations

SQL = """
CREATE FUNCTION accounts_partnercredential_fix() RETURNS trigger LANGUAGE plpgsql
    SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'a credential is not deleted, nor given another login or secret'
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER accounts_partnercredential_fixed BEFORE UPDATE ON accounts_partnercredential
    FOR EACH ROW WHEN (
        (OLD.id, OLD.organisation_id, OLD.person_id, OLD.login, OLD.password_digest, OLD.token_digest,
            OLD.created_at)
        IS DISTINCT FROM
        (NEW.id, NEW.organisation_id, NEW.person_id, NEW.login, NEW.password_digest, NEW.token_digest,
            NEW.created_at)
    ) EXECUTE FUNCTION accounts_partnercredential_fix();
CREATE TRIGGER accounts_partnercredential_stays BEFORE DELETE ON accounts_partnercredential
    FOR EACH ROW EXECUTE FUNCTION accounts_partnercredential_fix();
"""
BACK = """
DROP TRIGGER accounts_partnercredential_stays ON accounts_partnercredential;
DROP TRIGGER accounts_partnercredential_fixed ON accounts_partnercredential;
DROP FUNCTION accounts_partnercredential_fix;
"""


class Migration(migrations.Migration):
    """Adds triggers to the table of credentials."""

    dependencies = [("accounts", "0022_revoked_once")]
    operations = [migrations.RunSQL(SQL, BACK)]
