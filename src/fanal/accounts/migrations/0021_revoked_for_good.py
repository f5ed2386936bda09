"""Makes the revocation of a partner's credential final: it cannot be removed or moved to a later time."""

from django.db import migrations

SQL = """
CREATE FUNCTION accounts_partnercredential_keep() RETURNS trigger LANGUAGE plpgsql
    SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'a revoked credential stays revoked' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER accounts_partnercredential_kept BEFORE UPDATE OF revoked_at ON accounts_partnercredential
    FOR EACH ROW WHEN (coalesce(NEW.revoked_at, 'infinity') > OLD.revoked_at)
    EXECUTE FUNCTION accounts_partnercredential_keep();
"""
BACK = """
DROP TRIGGER accounts_partnercredential_kept ON accounts_partnercredential;
DROP FUNCTION accounts_partnercredential_keep;
"""


class Migration(migrations.Migration):
    """Adds a trigger to the table of credentials."""

    dependencies = [("accounts", "0020_no_act_ahead")]
    operations = [migrations.RunSQL(SQL, BACK)]
