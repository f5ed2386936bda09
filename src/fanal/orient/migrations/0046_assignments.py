"""Creates the tables of assignments of reports to people, and of each person's notifications."""

from django.db import migrations

SQL = """
CREATE TABLE orient_assignment (
    id uuid NOT NULL,
    report_id uuid NOT NULL,
    desk_id integer NOT NULL,
    person_id uuid NOT NULL, -- who is in charge
    made_by uuid NOT NULL,
    handed_over boolean NOT NULL, -- by who was in charge; false: assigned
    former_id uuid, -- who was in charge before
    act_id uuid NOT NULL, -- assignments of one act on several reports share it
    note_id uuid,
    made_at timestamptz NOT NULL,
    seen_at timestamptz,
    ended_at timestamptz,
    ended_by uuid, -- NULL: by the report's leaving the queue
    outcome text NOT NULL DEFAULT '',
    CONSTRAINT orient_assignment_pkey PRIMARY KEY (id),
    CONSTRAINT orient_assignment_note FOREIGN KEY (note_id) REFERENCES orient_note (id),
    CONSTRAINT orient_assignment_end CHECK ((ended_at IS NULL) = (outcome = '')),
    CONSTRAINT orient_assignment_outcome CHECK (outcome IN
        ('', 'RETURNED', 'TAKEN_BACK', 'PASSED_ON', 'TAKEN', 'ENDED', 'LAPSED'))
);
CREATE UNIQUE INDEX orient_assignment_open ON orient_assignment (report_id) WHERE ended_at IS NULL;
CREATE INDEX orient_assignment_person ON orient_assignment (person_id) WHERE ended_at IS NULL;
CREATE INDEX orient_assignment_act ON orient_assignment (act_id);

CREATE TABLE orient_notification (
    id uuid NOT NULL,
    desk_id integer NOT NULL,
    person_id uuid NOT NULL, -- who is notified
    kind text NOT NULL,
    report_id uuid NOT NULL,
    dossier_id uuid, -- of a mention in a note on a dossier
    by_id uuid, -- whose act it is; NULL: nobody's of the desk
    came_at timestamptz NOT NULL,
    seen_at timestamptz,
    mailed_at timestamptz,
    CONSTRAINT orient_notification_pkey PRIMARY KEY (id)
);
CREATE INDEX orient_notification_person ON orient_notification (person_id, came_at);
CREATE INDEX orient_notification_unseen ON orient_notification (person_id) WHERE seen_at IS NULL;
CREATE INDEX orient_notification_to_mail ON orient_notification (person_id)
    WHERE seen_at IS NULL AND mailed_at IS NULL;
CREATE INDEX orient_notification_report ON orient_notification (report_id);

CREATE TABLE orient_mail_choice (
    person_id uuid NOT NULL,
    choice text NOT NULL,
    CONSTRAINT orient_mail_choice_pkey PRIMARY KEY (person_id),
    CONSTRAINT orient_mail_choice_known CHECK (choice IN ('NONE', 'AT_ONCE', 'DAILY'))
);

-- An assignment is of a report that waits, at its desk; then it is seen once and ends once.
CREATE FUNCTION orient_assignment_guard() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.ended_at IS NOT NULL OR NOT EXISTS (SELECT FROM orient_case c WHERE c.report_id = NEW.report_id
                AND c.desk_id = NEW.desk_id AND c.state = 'TO_ASSESS') THEN
            RAISE EXCEPTION 'a report that waits is assigned' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    ELSIF TG_OP = 'UPDATE' AND OLD.ended_at IS NULL
            AND (OLD.seen_at IS NULL OR NEW.seen_at IS NOT DISTINCT FROM OLD.seen_at)
            AND (NEW.id, NEW.report_id, NEW.desk_id, NEW.person_id, NEW.made_by, NEW.handed_over,
                NEW.former_id, NEW.act_id, NEW.note_id, NEW.made_at)
            IS NOT DISTINCT FROM (OLD.id, OLD.report_id, OLD.desk_id, OLD.person_id, OLD.made_by,
                OLD.handed_over, OLD.former_id, OLD.act_id, OLD.note_id, OLD.made_at) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'an assignment is seen once and ends once' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER orient_assignment_guard BEFORE INSERT OR UPDATE OR DELETE ON orient_assignment
    FOR EACH ROW EXECUTE FUNCTION orient_assignment_guard();
CREATE TRIGGER orient_assignment_kept BEFORE TRUNCATE ON orient_assignment
    FOR EACH STATEMENT EXECUTE FUNCTION orient_append_only();
CREATE TRIGGER orient_assignment_ahead BEFORE INSERT ON orient_assignment
    FOR EACH ROW EXECUTE FUNCTION accounts_refuse_ahead('made_at');

-- The entry is written after the row, in its transaction: looked for when that ends.
CREATE FUNCTION orient_assignment_is_written() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' AND NOT ledger_says_now('case.assign', NEW.report_id, NEW.made_by)
            AND NOT ledger_says_now('case.take_back', NEW.report_id, NEW.made_by)
        OR TG_OP = 'UPDATE' AND NOT ledger_says_now(CASE NEW.outcome WHEN 'TAKEN_BACK' THEN 'case.take_back'
            WHEN 'PASSED_ON' THEN 'case.assign' ELSE 'case.release' END, NEW.report_id, NEW.ended_by) THEN
        RAISE EXCEPTION 'an assignment has its entry in the ledger' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER orient_assignment_written AFTER INSERT ON orient_assignment
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION orient_assignment_is_written();
CREATE CONSTRAINT TRIGGER orient_assignment_ended AFTER UPDATE OF ended_at ON orient_assignment
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.outcome IN ('RETURNED', 'TAKEN_BACK', 'PASSED_ON', 'LAPSED'))
    EXECUTE FUNCTION orient_assignment_is_written();

-- Who is concerned is notified, whatever way an assignment began or ended; nobody of an act of their own.
CREATE FUNCTION orient_assignment_tells() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    told CONSTANT uuid := CASE WHEN NEW.outcome IN ('RETURNED', 'LAPSED') THEN NEW.made_by ELSE NEW.person_id END;
    author CONSTANT uuid := CASE WHEN TG_OP = 'INSERT' THEN NEW.made_by ELSE NEW.ended_by END;
BEGIN
    IF told IS DISTINCT FROM author THEN
        INSERT INTO orient_notification (id, desk_id, person_id, kind, report_id, by_id, came_at)
        VALUES (gen_random_uuid(), NEW.desk_id, told, CASE WHEN TG_OP = 'UPDATE' THEN NEW.outcome
            WHEN NEW.handed_over THEN 'HANDED_OVER' ELSE 'ASSIGNED' END, NEW.report_id, author,
            coalesce(NEW.ended_at, NEW.made_at));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER orient_assignment_begun AFTER INSERT ON orient_assignment
    FOR EACH ROW EXECUTE FUNCTION orient_assignment_tells();
CREATE TRIGGER orient_assignment_over AFTER UPDATE OF ended_at ON orient_assignment
    FOR EACH ROW WHEN (NEW.ended_at IS NOT NULL AND NOT (NEW.outcome = 'ENDED' AND NEW.ended_by IS NOT DISTINCT FROM NEW.person_id))
    EXECUTE FUNCTION orient_assignment_tells();

-- It follows its report, whoever moves that: claimed by another, returned by its holder, out of the queue.
CREATE FUNCTION orient_assignment_follows() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE orient_assignment a SET ended_at = clock_timestamp(),
        outcome = CASE NEW.state WHEN 'CLAIMED' THEN 'TAKEN' WHEN 'TO_ASSESS' THEN 'RETURNED' ELSE 'ENDED' END,
        ended_by = CASE WHEN NEW.state = 'CLAIMED' THEN NEW.claimed_by
            WHEN NEW.state IN ('TO_ASSESS', 'DECIDED', 'TO_SECOND') THEN OLD.claimed_by END
    WHERE a.report_id = NEW.report_id AND a.ended_at IS NULL
        AND NOT (NEW.state = 'CLAIMED' AND NEW.claimed_by = a.person_id);
    RETURN NULL;
END $$;
CREATE TRIGGER orient_assignment_follows AFTER UPDATE OF state, claimed_by ON orient_case FOR EACH ROW
    WHEN (OLD.state IN ('TO_ASSESS', 'CLAIMED')
        AND (NEW.state <> OLD.state OR NEW.claimed_by IS DISTINCT FROM OLD.claimed_by))
    EXECUTE FUNCTION orient_assignment_follows();

-- A report that its holder hands over goes back to the queue with the entry of that act alone.
CREATE OR REPLACE FUNCTION orient_move_is_written() RETURNS trigger LANGUAGE plpgsql
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
    IF act = 'case.release' AND (ledger_says_now('case.assign', NEW.report_id, NULL)
            OR ledger_says_now('case.take_back', NEW.report_id, NULL)) THEN
        RETURN NULL;
    ELSIF NOT ledger_says_now(act, NEW.report_id, CASE act WHEN 'decision.take' THEN OLD.claimed_by END) THEN
        RAISE EXCEPTION 'a case that is % has its entry in the ledger', NEW.state
            USING ERRCODE = 'check_violation';
    ELSIF act = 'decision.take' AND NOT EXISTS (
        SELECT FROM orient_decision WHERE report_id = NEW.report_id AND claim_token = OLD.claim_token) THEN
        RAISE EXCEPTION 'a case is decided with a decision' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
"""
BACK = """
CREATE OR REPLACE FUNCTION orient_move_is_written() RETURNS trigger LANGUAGE plpgsql
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
DROP TRIGGER orient_assignment_follows ON orient_case;
DROP TABLE orient_assignment;
DROP TABLE orient_notification;
DROP TABLE orient_mail_choice;
DROP FUNCTION orient_assignment_guard, orient_assignment_is_written, orient_assignment_tells,
    orient_assignment_follows;
"""


class Migration(migrations.Migration):
    """Written in SQL, like the package's other tables (unmanaged models)."""

    dependencies = [("orient", "0045_feedback_to_its_sender")]
    operations = [migrations.RunSQL(SQL, BACK)]
