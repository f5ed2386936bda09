"""Also ends sessions that wait for a lock on an object, nest many savepoints, or keep a transaction open."""

from django.db import migrations

# `DROP DATABASE` and its kin ask for a lock on the object before they ask for the right, and every session that
# starts waits behind it. One object is locked in passing by everybody who notifies: database 0.
# A savepoint within savepoints makes all others slow that meet what it wrote: no deposit needs more than some.
# When a transaction began is not to be read of sessions that hide what they run: who looks remembers since when
# each was seen, and names in `old` those that have lasted.
END = """
DROP FUNCTION fanal_end_hoarding();
CREATE FUNCTION fanal_end_hoarding(old text[], OUT pid integer, OUT transaction text, OUT ended boolean)
RETURNS SETOF record
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM pg_stat_clear_snapshot();
    RETURN QUERY WITH bounds AS (
        SELECT current_setting('max_locks_per_transaction')::int AS each,
               current_setting('max_locks_per_transaction')::int
               * current_setting('max_connections')::int AS whole
    ), locks AS MATERIALIZED (
        SELECT a.pid, a.usename, l.locktype, l.mode, l.classid, l.objid
        FROM pg_locks l JOIN pg_stat_activity a USING (pid)
        WHERE a.usename IN ('fanal_intake', 'fanal_app', 'fanal_auditor') AND NOT l.fastpath
    ), lasting AS MATERIALIZED (
        SELECT DISTINCT a.pid, a.pid || ' ' || l.virtualtransaction AS name
        FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.usename = 'fanal_intake'
    ), nodes AS MATERIALIZED (
        SELECT pid, count(*) AS held, sum(count(*)) OVER (PARTITION BY usename) AS together,
            count(*) FILTER (WHERE locktype = 'transactionid') AS nested
        FROM locks WHERE usename IN ('fanal_intake', 'fanal_auditor') GROUP BY pid, usename
    ), found AS MATERIALIZED (
        SELECT n.pid FROM nodes n, bounds b
        WHERE n.nested > 64 OR (n.held > b.each / 2 AND n.together > b.whole / 4)
        UNION
        SELECT pid FROM locks
        WHERE (locktype = 'relation'
               OR locktype = 'object' AND NOT (classid = 'pg_database'::regclass AND objid = 0))
            AND mode NOT IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock', 'SIReadLock')
        UNION
        SELECT pid FROM lasting WHERE name = ANY (old)
    ), told AS MATERIALIZED (
        SELECT pid FROM found WHERE pg_terminate_backend(pid)
    )
    SELECT coalesce(t.pid, l.pid), coalesce(l.name, ''), t.pid IS NOT NULL
    FROM told t FULL JOIN lasting l ON l.pid = t.pid;
END $$;
"""
BACK = """
DROP FUNCTION fanal_end_hoarding(text[]);
CREATE FUNCTION fanal_end_hoarding() RETURNS SETOF integer
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ SELECT 0 WHERE false $$;
"""


class Migration(migrations.Migration):
    """Replaces the function of `0014_hoarded_locks`."""

    dependencies = [("accounts", "0017_revokers")]
    operations = [migrations.RunSQL(END, BACK)]
