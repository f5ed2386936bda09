"""Sessions of public nodes that hoard PostgreSQL's locks are ended by who calls for children in danger."""

from django.db import migrations

FORWARD = """
-- What lies in the memory that all sessions share is a bound for each of them times their number: a deposit
-- holds ten locks there. `fast path` locks lie with their session. The owner needs pg_signal_backend.
CREATE FUNCTION fanal_end_hoarding() RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH bounds AS (
        SELECT current_setting('max_locks_per_transaction')::int AS each,
               current_setting('max_locks_per_transaction')::int
               * current_setting('max_connections')::int AS whole
    ), nodes AS MATERIALIZED (
        SELECT a.pid, count(*) AS held, sum(count(*)) OVER () AS together
        FROM pg_locks l JOIN pg_stat_activity a USING (pid)
        WHERE a.usename = 'fanal_intake' AND a.datname = current_database() AND NOT l.fastpath
        GROUP BY a.pid
    )
    SELECT count(*)::int FROM nodes, bounds
    WHERE held > bounds.each AND together > bounds.whole / 4 AND pg_terminate_backend(pid)
$$;
REVOKE EXECUTE ON FUNCTION fanal_end_hoarding() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fanal_end_hoarding() TO fanal_worker;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0013_spoken_programs")]
    operations = [migrations.RunSQL(FORWARD, "DROP FUNCTION fanal_end_hoarding")]
