"""Creates the function by which trigger functions find the ledger entry of an act on an object."""

from django.db import migrations

SQL = """
-- Whether an entry of `act` names the object; of `partner`, where one is given.
CREATE FUNCTION ledger_says(act text, object uuid, partner uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM ledger_object o JOIN ledger_entry e ON e.id = o.entry_id
        WHERE o.object_id = object AND e.action = act AND (partner IS NULL OR partner::text
            = convert_from(substr(e.body, 1 + length(E'fanal/ledger-entry/v1\\n')), 'UTF8')::jsonb ->> 'partner'))
$$;
"""


class Migration(migrations.Migration):
    """Creates a function, so that no other package names a table of the ledger."""

    dependencies = [("ledger", "0004_with_their_entry")]
    operations = [
        migrations.RunSQL(SQL, "DROP FUNCTION ledger_says(text, uuid, uuid)")
    ]
