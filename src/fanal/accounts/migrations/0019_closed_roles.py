"""Closes a database role to new connections if its blocking sessions cannot be ended; they are known by role."""

from django.db import migrations

# The owner of a database says who connects to it, on every server; `NOLOGIN` is an administrator's to say.
# What is open goes on to its next interrupt: `found` names it each time, until it is gone.
END = """
CREATE FUNCTION fanal_close_role(login text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF login NOT IN ('fanal_intake', 'fanal_auditor') THEN
        RAISE insufficient_privilege USING MESSAGE = format('%s is not closed', login);
    END IF;
    EXECUTE format('REVOKE CONNECT ON DATABASE %I FROM %I', current_database(), login);
    RETURN NOT has_database_privilege(login, current_database(), 'CONNECT');
END $$;
DROP FUNCTION fanal_end_hoarding(text[]);
CREATE FUNCTION fanal_end_hoarding(
    old text[], OUT pid integer, OUT login text, OUT transaction text, OUT ended boolean
) RETURNS SETOF record
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM pg_stat_clear_snapshot();
    RETURN QUERY WITH bounds AS (
        SELECT current_setting('max_locks_per_transaction')::int AS each,
               current_setting('max_locks_per_transaction')::int
               * current_setting('max_connections')::int AS whole
    ), sessions AS MATERIALIZED (
        SELECT a.pid, a.usename, a.datname = current_database() AND a.usename <> 'fanal_app'
            AND NOT has_database_privilege(a.usename, a.datid, 'CONNECT') AS closed
        FROM pg_stat_activity a WHERE a.usename IN ('fanal_intake', 'fanal_app', 'fanal_auditor')
    ), locks AS MATERIALIZED (
        SELECT s.pid, s.usename, l.locktype, l.mode, l.classid, l.objid
        FROM pg_locks l JOIN sessions s USING (pid) WHERE NOT l.fastpath
    ), lasting AS MATERIALIZED (
        SELECT DISTINCT s.pid, s.pid || ' ' || l.virtualtransaction AS name
        FROM pg_locks l JOIN sessions s USING (pid) WHERE s.usename = 'fanal_intake'
    ), nodes AS MATERIALIZED (
        SELECT pid, count(*) AS held, sum(count(*)) OVER (PARTITION BY usename) AS together,
            count(*) FILTER (WHERE locktype = 'transactionid') AS nested
        FROM locks WHERE usename IN ('fanal_intake', 'fanal_auditor') GROUP BY pid, usename
    ), found AS MATERIALIZED (
        SELECT n.pid FROM nodes n, bounds b
        WHERE n.nested > 16 OR (n.held > b.each / 2 AND n.together > b.whole / 4)
        UNION
        SELECT pid FROM locks
        WHERE (locktype = 'relation'
               OR locktype = 'object' AND NOT (classid = 'pg_database'::regclass AND objid = 0))
            AND mode NOT IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock', 'SIReadLock')
        UNION
        SELECT pid FROM lasting WHERE name = ANY (old)
        UNION
        SELECT pid FROM sessions WHERE closed
    ), told AS MATERIALIZED (
        SELECT pid FROM found WHERE pg_terminate_backend(pid)
    )
    SELECT s.pid, s.usename::text, coalesce(l.name, ''), t.pid IS NOT NULL
    FROM sessions s LEFT JOIN told t USING (pid) LEFT JOIN lasting l USING (pid)
    WHERE t.pid IS NOT NULL OR l.pid IS NOT NULL;
END $$;
"""
BACK = """
DROP FUNCTION fanal_close_role(text);
DROP FUNCTION fanal_end_hoarding(text[]);
CREATE FUNCTION fanal_end_hoarding(old text[], OUT pid integer, OUT transaction text, OUT ended boolean)
RETURNS SETOF record
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ SELECT 0, '', false WHERE false $$;
"""


class Migration(migrations.Migration):
    """Replaces the function of `0014_hoarded_locks`."""

    dependencies = [("accounts", "0018_object_locks")]
    operations = [migrations.RunSQL(END, BACK)]
