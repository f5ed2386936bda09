"""Creates the next months' partitions without blocking deposits: a table in use is tried again later."""

from django.db import migrations

FORWARD = """
DROP FUNCTION fanal_next_months(date);
-- A month of a table asks for the table alone; whoever deposits or reads waits behind that question. So it is
-- given up after a third of a second, and told: `busy` tables wait for the next try.
CREATE FUNCTION fanal_next_months(until date, OUT made integer, OUT busy integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '300ms' AS $$
DECLARE
    parent regclass;
BEGIN
    IF until > (now() + interval '2 years')::date THEN
        RAISE EXCEPTION 'partitions are made two years ahead at most';
    END IF;
    made := 0;
    busy := 0;
    FOR parent IN SELECT p.partrelid::regclass FROM pg_partitioned_table p
        JOIN pg_class c ON c.oid = p.partrelid
        WHERE p.partstrat = 'r' AND c.relnamespace = 'public'::regnamespace
    LOOP
        BEGIN
            made := made + fanal_ensure_months(parent, now()::date, until);
        EXCEPTION
            WHEN check_violation THEN RAISE WARNING 'no next month of %: %', parent, SQLERRM;
            WHEN lock_not_available THEN busy := busy + 1;
        END;
    END LOOP;
END
$$;
"""
BACK = """
DROP FUNCTION fanal_next_months(date);
CREATE FUNCTION fanal_next_months(until date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    parent regclass;
    made integer := 0;
BEGIN
    IF until > (now() + interval '2 years')::date THEN
        RAISE EXCEPTION 'partitions are made two years ahead at most';
    END IF;
    FOR parent IN SELECT p.partrelid::regclass FROM pg_partitioned_table p
        JOIN pg_class c ON c.oid = p.partrelid
        WHERE p.partstrat = 'r' AND c.relnamespace = 'public'::regnamespace
    LOOP
        BEGIN
            made := made + fanal_ensure_months(parent, now()::date, until);
        EXCEPTION WHEN check_violation THEN
            RAISE WARNING 'no next month of %: %', parent, SQLERRM;
        END;
    END LOOP;
    RETURN made;
END
$$;
"""


class Migration(migrations.Migration):
    """Replaces the function of `0014_node_bounds`."""

    dependencies = [("intake", "0021_retracted")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
