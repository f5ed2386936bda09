"""Checks that a public node dates reports in the present and adds their rows in the same transaction."""

from django.db import migrations

FORWARD = """
-- An id of a later month would keep that month's partition from ever being made, and an instant of later
-- years would keep its alarm from being raised to the supervisor. `ledger_record` has the same bounds.
CREATE FUNCTION intake_deposit_bounds() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    earliest CONSTANT timestamptz := clock_timestamp() - interval '6 hours';
    latest CONSTANT timestamptz := clock_timestamp() + interval '5 minutes';
BEGIN
    IF NEW.received_at NOT BETWEEN earliest AND latest OR NEW.changed_at NOT BETWEEN earliest AND latest
        OR NEW.id < fanal_lowest_id(earliest) OR NEW.id > fanal_lowest_id(latest)
        OR NEW.state NOT IN ('OPEN', 'FINISHED') THEN
        RAISE EXCEPTION 'a public node deposits now' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER intake_report_of_node BEFORE INSERT ON intake_report FOR EACH ROW
    WHEN (session_user = 'fanal_intake') EXECUTE FUNCTION intake_deposit_bounds();

-- Numbers not given out yet would be refused to whoever draws them: a wire number is that of its own report.
CREATE FUNCTION intake_wire_bounds() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.wire_id > (SELECT last_value FROM intake_wire_id_seq) OR NOT EXISTS (
        SELECT FROM intake_report r WHERE r.id = NEW.report_id AND r.sender_id = NEW.sender_id
          AND r.wire_id = NEW.wire_id) THEN
        RAISE EXCEPTION 'a wire number is that of its report' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER intake_wire_of_node BEFORE INSERT ON intake_wire FOR EACH ROW
    WHEN (session_user = 'fanal_intake') EXECUTE FUNCTION intake_wire_bounds();

-- A table whose next month cannot be made (rows of that month lie in its default partition) keeps no other
-- from its own; temporary tables of sessions are none of ours.
CREATE OR REPLACE FUNCTION fanal_next_months(until date) RETURNS integer
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
DROP = """
DROP TRIGGER intake_wire_of_node ON intake_wire;
DROP TRIGGER intake_report_of_node ON intake_report;
DROP FUNCTION intake_wire_bounds, intake_deposit_bounds;
"""


class Migration(migrations.Migration):
    """Adds triggers, and extends the function that creates partitions."""

    dependencies = [("intake", "0013_reviews")]
    operations = [migrations.RunSQL(FORWARD, DROP)]
