"""Restricts cases to the permitted changes of state; each end of a case needs a ledger entry.

Only the person who has claimed a case may decide it.
"""

from django.db import migrations

FORWARD = """
CREATE FUNCTION orient_case_bound() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        RAISE EXCEPTION 'a case comes to the queue' USING ERRCODE = 'check_violation';
    ELSIF (NEW.report_id, NEW.desk_id, NEW.sender_id, NEW.received_at, NEW.is_test)
            IS DISTINCT FROM (OLD.report_id, OLD.desk_id, OLD.sender_id, OLD.received_at, OLD.is_test) THEN
        RAISE EXCEPTION 'a case keeps its report and its desk' USING ERRCODE = 'restrict_violation';
    ELSIF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
            ('TO_ASSESS', 'CLAIMED'), ('FOLDED', 'CLAIMED'), ('CLAIMED', 'TO_ASSESS'), ('TO_ASSESS', 'FOLDED'),
            ('FOLDED', 'TO_ASSESS'), ('TO_ASSESS', 'HANDED_OVER'), ('CLAIMED', 'HANDED_OVER'),
            ('FOLDED', 'HANDED_OVER'), ('CLAIMED', 'DECIDED'), ('CLAIMED', 'TO_SECOND'),
            ('TO_SECOND', 'DECIDED'), ('TO_SECOND', 'TO_ASSESS'), ('DECIDED', 'TO_ASSESS'),
            ('HANDED_OVER', 'TO_ASSESS'), ('DECIDED', 'CLOSED'), ('TO_ASSESS', 'WITHDRAWN'),
            ('CLAIMED', 'WITHDRAWN'), ('FOLDED', 'WITHDRAWN'), ('HANDED_OVER', 'WITHDRAWN'),
            ('TO_ASSESS', 'EXPIRED'), ('CLAIMED', 'EXPIRED'), ('FOLDED', 'EXPIRED'),
            ('HANDED_OVER', 'EXPIRED')) THEN
        RAISE EXCEPTION 'no case moves from % to %', OLD.state, NEW.state USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER orient_case_bound BEFORE UPDATE ON orient_case FOR EACH ROW EXECUTE FUNCTION orient_case_bound();
CREATE TRIGGER orient_case_comes BEFORE INSERT ON orient_case FOR EACH ROW
    WHEN (current_user = 'fanal_app' AND NEW.state <> 'TO_ASSESS') EXECUTE FUNCTION orient_case_bound();

-- The entry is written after the move, in its transaction: looked for when that ends. Folding is the stage's
-- own, and claims and withdrawals have their guard already.
CREATE FUNCTION orient_move_is_written() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    act CONSTANT text := CASE
        WHEN NEW.state IN ('DECIDED', 'TO_SECOND') AND OLD.state = 'CLAIMED' THEN 'decision.take'
        WHEN NEW.state = 'DECIDED' THEN 'decision.second'
        WHEN NEW.state = 'CLOSED' THEN 'case.close'
        WHEN NEW.state = 'HANDED_OVER' THEN 'case.hand_over'
        WHEN OLD.state = 'CLAIMED' THEN 'case.release'
        ELSE 'case.reopen' END;
BEGIN
    IF NOT ledger_says_now(act, NEW.report_id, CASE act WHEN 'decision.take' THEN OLD.claimed_by END) THEN
        RAISE EXCEPTION 'a case that is % has its entry in the ledger', NEW.state
            USING ERRCODE = 'check_violation';
    ELSIF act = 'decision.take' AND NOT EXISTS (
        SELECT FROM orient_decision WHERE report_id = NEW.report_id AND claim_token = OLD.claim_token) THEN
        RAISE EXCEPTION 'a case is decided with a decision' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER orient_case_ended AFTER UPDATE OF state ON orient_case
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (current_user <> 'fanal_owner' AND OLD.state <> NEW.state
        AND (NEW.state IN ('DECIDED', 'TO_SECOND', 'CLOSED', 'HANDED_OVER')
            OR NEW.state = 'TO_ASSESS' AND OLD.state IN ('CLAIMED', 'TO_SECOND', 'DECIDED', 'HANDED_OVER')))
    EXECUTE FUNCTION orient_move_is_written();

-- Whether a decision stands on its case: for guards of other packages.
CREATE FUNCTION orient_in_force(report uuid, decision uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM orient_case WHERE report_id = report
            AND state IN ('TO_SECOND', 'DECIDED', 'CLOSED'))
        AND decision = (SELECT id FROM orient_decision WHERE report_id = report
            ORDER BY claim_token DESC LIMIT 1)
$$;

-- Its author holds the case, under that token: claiming has its entry.
CREATE FUNCTION orient_decision_guard() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    held orient_case;
BEGIN
    SELECT * INTO held FROM orient_case WHERE report_id = NEW.report_id FOR NO KEY UPDATE;
    IF (held.state, held.claimed_by, held.claim_token, held.desk_id)
            IS DISTINCT FROM ('CLAIMED', NEW.author_id, NEW.claim_token, NEW.desk_id) THEN
        RAISE EXCEPTION 'a decision is of whoever holds the case' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER orient_decision_guard BEFORE INSERT ON orient_decision
    FOR EACH ROW EXECUTE FUNCTION orient_decision_guard();
"""
BACK = """
DROP TRIGGER orient_decision_guard ON orient_decision;
DROP TRIGGER orient_case_ended ON orient_case;
DROP TRIGGER orient_case_comes ON orient_case;
DROP TRIGGER orient_case_bound ON orient_case;
DROP FUNCTION orient_in_force, orient_decision_guard, orient_move_is_written, orient_case_bound;
"""


class Migration(migrations.Migration):
    """Adds triggers; stored rows stay as they are."""

    dependencies = [("orient", "0023_entries")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
