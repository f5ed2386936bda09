"""Creates the function by which triggers find an act's ledger entry in the current transaction."""

from django.db import migrations

SQL = """
-- Whether this transaction wrote an entry of `act` that names the object, in the name of `actor` where one is
-- given. The database dates entries itself: none of an earlier act counts.
CREATE FUNCTION ledger_says_now(act text, object uuid, actor uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM ledger_object o JOIN ledger_entry e ON e.id = o.entry_id
        WHERE o.object_id = object AND e.action = act AND e.db_at >= transaction_timestamp()
          AND (actor IS NULL OR e.actor_id = actor))
$$;
"""


class Migration(migrations.Migration):
    """Creates a function, so that no other package names a table of the ledger."""

    dependencies = [("ledger", "0005_entries_of_an_act")]
    operations = [migrations.RunSQL(SQL, "DROP FUNCTION ledger_says_now(text, uuid, uuid)")]
