"""Lets a public node write ledger entries only for the partner whose secret was presented to it."""

from django.db import migrations

SQL = """
CREATE OR REPLACE FUNCTION accounts_is_program(person uuid, organisation uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT accounts_speaks_for(organisation) AND EXISTS (SELECT FROM accounts_partnercredential c
        WHERE c.person_id = person AND c.organisation_id = organisation
          AND (c.revoked_at IS NULL OR c.revoked_at > clock_timestamp() - interval '1 hour'))
$$;
"""


class Migration(migrations.Migration):
    """Replaces an SQL function. Not reversible: the earlier version accepts the name of any partner."""

    dependencies = [("accounts", "0012_presented_credentials")]
    operations = [migrations.RunSQL(SQL, migrations.RunSQL.noop)]
