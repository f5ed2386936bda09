"""Creates the function that ends public nodes' sessions with too many locks; the alarm-call process calls it."""

from django.db import migrations

FORWARD = """
-- The numbers of the sessions that were told to end. What lies in the memory that all sessions share is a bound
-- for each of them times their number: a deposit holds ten locks there. `fast path` locks lie with their
-- session. A transaction sees one picture of the sessions, unless it is cleared. Who is ended is decided
-- before anybody is: a condition beside `pg_terminate_backend` may be asked after it.
-- The owner needs pg_signal_backend.
CREATE FUNCTION fanal_end_hoarding() RETURNS SETOF integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_stat_clear_snapshot();
    RETURN QUERY WITH bounds AS (
        SELECT current_setting('max_locks_per_transaction')::int AS each,
               current_setting('max_locks_per_transaction')::int
               * current_setting('max_connections')::int AS whole
    ), nodes AS MATERIALIZED (
        SELECT a.pid, count(*) AS held, sum(count(*)) OVER () AS together
        FROM pg_locks l JOIN pg_stat_activity a USING (pid)
        WHERE a.usename = 'fanal_intake' AND NOT l.fastpath
        GROUP BY a.pid
    ), hoarding AS MATERIALIZED (
        SELECT n.pid FROM nodes n, bounds b WHERE n.held > b.each / 2 AND n.together > b.whole / 4
    )
    SELECT h.pid FROM hoarding h WHERE pg_terminate_backend(h.pid);
END $$;
REVOKE EXECUTE ON FUNCTION fanal_end_hoarding() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fanal_end_hoarding() TO fanal_worker;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0013_spoken_programs")]
    operations = [migrations.RunSQL(FORWARD, "DROP FUNCTION fanal_end_hoarding")]
