"""Restricts a report's state to the permitted transitions, each with a ledger entry; only the sender retracts."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION intake_report_bound() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state NOT IN ('OPEN', 'FINISHED') THEN
            RAISE EXCEPTION 'a report comes open or finished' USING ERRCODE = 'check_violation';
        END IF;
    ELSIF NEW.id <> OLD.id THEN
        RAISE EXCEPTION 'a report keeps its id' USING ERRCODE = 'restrict_violation';
    ELSIF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (('OPEN', 'FINISHED'),
            ('OPEN', 'RETRACTED'), ('OPEN', 'EXPIRED'), ('FINISHED', 'RETRACTED')) THEN
        RAISE EXCEPTION 'no report moves from % to %', OLD.state, NEW.state USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER intake_report_bound BEFORE INSERT OR UPDATE OF id, state ON intake_report
    FOR EACH ROW EXECUTE FUNCTION intake_report_bound();

-- The entry is written after the move, in its transaction: looked for when that ends.
CREATE FUNCTION intake_move_is_written() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT ledger_says(
            CASE NEW.state WHEN 'FINISHED' THEN 'report.finish' WHEN 'RETRACTED' THEN 'report.retract'
                ELSE 'report.expire' END,
            NEW.id, CASE NEW.state WHEN 'RETRACTED' THEN NEW.sender_id END) THEN
        RAISE EXCEPTION 'a report that is % has its entry in the ledger', NEW.state
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER intake_report_moved AFTER UPDATE OF state ON intake_report
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.state <> OLD.state)
    EXECUTE FUNCTION intake_move_is_written();
"""
BACK = """
DROP TRIGGER intake_report_moved ON intake_report;
DROP TRIGGER intake_report_bound ON intake_report;
DROP FUNCTION intake_move_is_written, intake_report_bound;
"""


class Migration(migrations.Migration):
    """Adds triggers; `db.grants` takes from the program's roles the right to update the table."""

    dependencies = [("intake", "0019_known_keys"), ("ledger", "0005_entries_of_an_act")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
