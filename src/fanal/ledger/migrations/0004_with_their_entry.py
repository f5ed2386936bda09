"""Requires that objects and purposes are inserted in the transaction of their entry.

An entry's body contains their digests, so that rows added later would contradict it.
"""

from django.db import migrations

SQL = """
-- An entry whose `xmin` is in progress and that this statement sees was written by this transaction or one of
-- its savepoints. Restoring and migrating, which the owner does, are free of it.
CREATE FUNCTION ledger_with_its_entry() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    epoch CONSTANT bigint := (pg_current_xact_id()::text::bigint >> 32) << 32;
BEGIN
    IF EXISTS (SELECT FROM (SELECT DISTINCT entry_id FROM added) a
        LEFT JOIN ledger_entry e ON e.id = a.entry_id
        WHERE e.id IS NULL
            OR pg_xact_status((epoch | e.xmin::text::bigint)::text::xid8) IS DISTINCT FROM 'in progress')
    THEN
        RAISE EXCEPTION 'rows of % come with their entry', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END
$$;
"""
TRIGGERS = "".join(
    f"""
CREATE TRIGGER {table}_with_entry AFTER INSERT ON {table} REFERENCING NEW TABLE AS added FOR EACH STATEMENT
    WHEN (session_user IN ('fanal_app', 'fanal_worker')) EXECUTE FUNCTION ledger_with_its_entry();
"""
    for table in ("ledger_object", "ledger_motive")
)
DROP = """
DROP TRIGGER ledger_object_with_entry ON ledger_object;
DROP TRIGGER ledger_motive_with_entry ON ledger_motive;
DROP FUNCTION ledger_with_its_entry;
"""


class Migration(migrations.Migration):
    """Adds triggers to those of `0001_initial`."""

    dependencies = [("ledger", "0003_subtrees")]
    operations = [migrations.RunSQL(SQL + TRIGGERS, DROP)]
