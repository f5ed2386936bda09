"""Requires a ledger entry in the transaction of each claim, withdrawal, and acknowledgement of an alarm."""

from django.db import migrations

FORWARD = """
-- The entry is written after the move, in its transaction: looked for when that ends.
CREATE FUNCTION orient_case_is_written() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.state = 'CLAIMED' AND NOT ledger_says_now('case.claim', NEW.report_id, NEW.claimed_by) THEN
        RAISE EXCEPTION 'a case is claimed with an entry of its holder' USING ERRCODE = 'check_violation';
    ELSIF NEW.state = 'WITHDRAWN' AND intake_stands(NEW.report_id) THEN
        RAISE EXCEPTION 'a case is withdrawn with its report' USING ERRCODE = 'check_violation';
    ELSIF NEW.state = 'WITHDRAWN' AND NOT ledger_says_now('case.close', NEW.report_id, NULL) THEN
        RAISE EXCEPTION 'a case is withdrawn with its entry' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER orient_case_moved AFTER UPDATE OF state, claimed_by, claim_token ON orient_case
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (
        NEW.state = 'CLAIMED' AND current_user <> 'fanal_owner' AND (OLD.state, OLD.claimed_by, OLD.claim_token)
            IS DISTINCT FROM (NEW.state, NEW.claimed_by, NEW.claim_token)
        OR NEW.state = 'WITHDRAWN' AND OLD.state <> 'WITHDRAWN')
    EXECUTE FUNCTION orient_case_is_written();

-- The program gives a quarter of an hour; the bound leaves room for clocks that differ.
CREATE FUNCTION orient_lease_bound() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'nobody holds a case for so long' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER orient_case_lease BEFORE INSERT OR UPDATE OF lease_until ON orient_case FOR EACH ROW
    WHEN (NEW.lease_until > clock_timestamp() + interval '24 hours') EXECUTE FUNCTION orient_lease_bound();

CREATE FUNCTION orient_alarm_kept() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'the first answer to an alarm stays' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER orient_alarm_kept BEFORE UPDATE OF acknowledged_at, acknowledged_by ON orient_alarm FOR EACH ROW
    WHEN (OLD.acknowledged_at IS NOT NULL) EXECUTE FUNCTION orient_alarm_kept();

CREATE FUNCTION orient_answer_is_written() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT ledger_says_now('alarm.acknowledge', NEW.report_id, NEW.acknowledged_by) THEN
        RAISE EXCEPTION 'an alarm is answered with an entry of whoever answers'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER orient_alarm_written AFTER INSERT OR UPDATE OF acknowledged_at, acknowledged_by
    ON orient_alarm DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.acknowledged_at IS NOT NULL)
    EXECUTE FUNCTION orient_answer_is_written();
"""
BACK = """
DROP TRIGGER orient_alarm_written ON orient_alarm;
DROP TRIGGER orient_alarm_kept ON orient_alarm;
DROP TRIGGER orient_case_lease ON orient_case;
DROP TRIGGER orient_case_moved ON orient_case;
DROP FUNCTION orient_answer_is_written, orient_alarm_kept, orient_lease_bound, orient_case_is_written;
"""


class Migration(migrations.Migration):
    """Adds triggers; `db.grants` states which columns of an alarm each role may update."""

    dependencies = [
        ("orient", "0022_ends"),
        ("intake", "0021_retracted"),
        ("ledger", "0006_entries_of_this_transaction"),
    ]
    operations = [migrations.RunSQL(FORWARD, BACK)]
