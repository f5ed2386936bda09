"""Creates the function by which the ledger checks that a person is a program of a partner."""

from django.db import migrations

SQL = """
-- A credential that was just revoked may still have a request under way.
CREATE FUNCTION accounts_is_program(person uuid, organisation uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM accounts_partnercredential c
        WHERE c.person_id = person AND c.organisation_id = organisation
          AND (c.revoked_at IS NULL OR c.revoked_at > clock_timestamp() - interval '1 hour'))
$$;
"""


class Migration(migrations.Migration):
    """Creates an SQL function. The ledger thus needs no access to the tables of accounts."""

    dependencies = [("accounts", "0006_deconfliction")]
    operations = [migrations.RunSQL(SQL, "DROP FUNCTION accounts_is_program")]
