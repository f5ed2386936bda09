"""Accepts only entries of the current transaction when a trigger asks for an act's ledger entry.

Before, an entry that another transaction committed meanwhile was accepted too.
"""

from django.db import migrations

SQL = """
-- A row whose transaction is in progress, and that is seen, is one's own: the snapshot hides those of others.
-- `xmin` has 32 bits, that of a savepoint may be greater than its transaction's: it is completed to the
-- nearest one.
CREATE OR REPLACE FUNCTION ledger_says_now(act text, object uuid, actor uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM ledger_object o JOIN ledger_entry e ON e.id = o.entry_id
        WHERE o.object_id = object AND e.action = act AND e.db_at >= transaction_timestamp()
          AND (actor IS NULL OR e.actor_id = actor)
          AND pg_xact_status((own.id - 2147483648
                + (e.xmin::text::bigint - own.id % 4294967296 + 6442450944) % 4294967296)::text::xid8)
            = 'in progress')
    FROM (SELECT pg_current_xact_id()::text::bigint AS id) AS own
$$;
"""
BACK = """
CREATE OR REPLACE FUNCTION ledger_says_now(act text, object uuid, actor uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM ledger_object o JOIN ledger_entry e ON e.id = o.entry_id
        WHERE o.object_id = object AND e.action = act AND e.db_at >= transaction_timestamp()
          AND (actor IS NULL OR e.actor_id = actor))
$$;
"""


class Migration(migrations.Migration):
    """Replaces the function of `0006_entries_of_this_transaction`."""

    dependencies = [("ledger", "0006_entries_of_this_transaction")]
    operations = [migrations.RunSQL(SQL, BACK)]
