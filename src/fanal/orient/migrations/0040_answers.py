"""Creates the table of reporters' answers; a person reads each once for the desk, with a ledger entry."""

from django.db import migrations

SQL = """
CREATE TABLE orient_answer (
    message_id uuid NOT NULL,
    report_id uuid NOT NULL,
    desk_id integer NOT NULL,
    came_at timestamptz NOT NULL,
    read_at timestamptz,
    read_by uuid,
    CONSTRAINT orient_answer_pkey PRIMARY KEY (message_id),
    CONSTRAINT orient_answer_read CHECK ((read_at IS NULL) = (read_by IS NULL))
);
CREATE INDEX orient_answer_unread ON orient_answer (desk_id, came_at) WHERE read_at IS NULL;
CREATE INDEX orient_answer_report ON orient_answer (report_id);

-- It inserts only: a change of the queue's row would make the reporter wait for whoever holds that row.
CREATE FUNCTION orient_answer_comes() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO orient_answer (message_id, report_id, desk_id, came_at)
    SELECT NEW.id, r.id, r.desk_id, clock_timestamp() FROM intake_report r
    WHERE r.id = NEW.report_id AND NOT r.is_test AND r.erased_at IS NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER orient_answer_comes AFTER INSERT ON intake_message FOR EACH ROW
    WHEN (NOT NEW.from_desk) EXECUTE FUNCTION orient_answer_comes();

CREATE FUNCTION orient_answer_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF OLD.read_at IS NOT NULL OR NEW.read_at IS NULL
            OR (NEW.message_id, NEW.report_id, NEW.desk_id, NEW.came_at)
            IS DISTINCT FROM (OLD.message_id, OLD.report_id, OLD.desk_id, OLD.came_at) THEN
        RAISE EXCEPTION 'an answer is read once' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER orient_answer_guard BEFORE UPDATE ON orient_answer
    FOR EACH ROW EXECUTE FUNCTION orient_answer_guard();
CREATE TRIGGER orient_answer_not_ahead BEFORE INSERT OR UPDATE OF read_at ON orient_answer
    FOR EACH ROW WHEN (NEW.read_at IS NOT NULL) EXECUTE FUNCTION accounts_refuse_ahead('read_at');

-- The entry is written after the row, in its transaction: looked for when that ends.
CREATE FUNCTION orient_reading_is_written() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT ledger_says_now('message.acknowledge', NEW.report_id, NEW.read_by) THEN
        RAISE EXCEPTION 'an answer is read with an entry of its reader' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER orient_answer_written AFTER INSERT OR UPDATE OF read_at, read_by ON orient_answer
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.read_at IS NOT NULL)
    EXECUTE FUNCTION orient_reading_is_written();

-- Of what came before: the answers on which nobody has decided yet.
INSERT INTO orient_answer (message_id, report_id, desk_id, came_at)
SELECT m.id, m.report_id, c.desk_id, least(m.created_at, now())
FROM intake_message m JOIN orient_case c ON c.report_id = m.report_id
WHERE NOT m.from_desk AND NOT c.is_test
    AND (c.state IN ('TO_ASSESS', 'CLAIMED', 'FOLDED', 'HANDED_OVER') OR m.created_at > c.decided_at);
"""
BACK = """
DROP TRIGGER orient_answer_comes ON intake_message;
DROP TABLE orient_answer;
DROP FUNCTION orient_answer_comes, orient_answer_guard, orient_reading_is_written;
"""


class Migration(migrations.Migration):
    """Written in SQL, like the package's other tables (unmanaged models)."""

    dependencies = [
        ("orient", "0039_danger_of_acts"),
        ("intake", "0032_holds_stay"),
        ("accounts", "0020_no_act_ahead"),
        ("ledger", "0006_entries_of_this_transaction"),
    ]
    operations = [migrations.RunSQL(SQL, BACK)]
