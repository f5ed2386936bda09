"""Also ends sessions that wait for a kind of lock which their database role never needs."""

from django.db import migrations

# PostgreSQL asks for the lock before it asks for the right: `CREATE RULE` or `CREATE TRIGGER` on any table, or
# catalogue, waits for whoever uses it, and everybody else waits behind it. The roles of the program never need
# more than ROW EXCLUSIVE, which no writer waits for.
END = """
CREATE OR REPLACE FUNCTION fanal_end_hoarding() RETURNS SETOF integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_stat_clear_snapshot();
    RETURN QUERY WITH bounds AS (
        SELECT current_setting('max_locks_per_transaction')::int AS each,
               current_setting('max_locks_per_transaction')::int
               * current_setting('max_connections')::int AS whole
    ), locks AS MATERIALIZED (
        SELECT a.pid, a.usename, l.locktype, l.mode
        FROM pg_locks l JOIN pg_stat_activity a USING (pid)
        WHERE a.usename IN ('fanal_intake', 'fanal_app', 'fanal_auditor') AND NOT l.fastpath
    ), nodes AS MATERIALIZED (
        SELECT pid, count(*) AS held, sum(count(*)) OVER () AS together
        FROM locks WHERE usename = 'fanal_intake' GROUP BY pid
    ), ended AS MATERIALIZED (
        SELECT n.pid FROM nodes n, bounds b WHERE n.held > b.each / 2 AND n.together > b.whole / 4
        UNION
        SELECT pid FROM locks WHERE locktype = 'relation'
            AND mode NOT IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock', 'SIReadLock')
    )
    SELECT e.pid FROM ended e WHERE pg_terminate_backend(e.pid);
END $$;
"""


class Migration(migrations.Migration):
    """Replaces the function of `0014_hoarded_locks`."""

    dependencies = [("accounts", "0015_granters")]
    operations = [migrations.RunSQL(END, migrations.RunSQL.noop)]
