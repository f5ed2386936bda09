"""Creates the functions by which a public node, without access to tables, reads states and moves reports.

Each runs with the owner's rights on a fixed search path; `db.grants` says who may call it (decision 7).
A `sender` of NULL is the system; a partner's programs name their own organisation.
"""

from django.db import migrations

SQL = """
-- The envelopes of a sender's own reports, with their receipts: what an answer to a partner is made of.
CREATE FUNCTION intake_statuses(wanted uuid[], sender uuid) RETURNS TABLE (
    id uuid, desk_id integer, sender_id uuid, arrival text, format text, reference text,
    wire_id bigint, state text, received_at timestamptz, changed_at timestamptz, urgent boolean,
    is_test boolean, language text, size integer, correlation_id text, stage text,
    quarantined_at timestamptz, signed text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT r.id, r.desk_id, r.sender_id, r.arrival, r.format, r.reference, r.wire_id, r.state,
        r.received_at, r.changed_at, r.urgent, r.is_test, r.language, r.size, r.correlation_id,
        w.stage, w.quarantined_at, c.signed
    FROM intake_report r
    LEFT JOIN intake_work w ON w.report_id = r.id
    LEFT JOIN intake_receipt c ON c.report_id = r.id
    WHERE r.id = ANY (wanted) AND (sender IS NULL OR r.sender_id = sender)
$$;

-- The state of a sender's own report, held to the end of the caller's transaction.
CREATE FUNCTION intake_hold_state(report uuid, sender uuid)
RETURNS TABLE (state text, urgent boolean)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT r.state, r.urgent FROM intake_report r
    WHERE r.id = report AND (sender IS NULL OR r.sender_id = sender) FOR UPDATE
$$;

-- A move that a sender may make of its own report; OPEN to OPEN notes a change. False: it moved meanwhile.
CREATE FUNCTION intake_move(
    report uuid, sender uuid, leaving text, entering text, at timestamptz) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF (leaving, entering) NOT IN (('OPEN', 'OPEN'), ('OPEN', 'FINISHED'), ('OPEN', 'RETRACTED'),
                                   ('FINISHED', 'RETRACTED')) THEN
        RAISE EXCEPTION 'a sender moves no report from % to %', leaving, entering
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    UPDATE intake_report r SET state = entering, changed_at = at
    WHERE r.id = report AND r.state = leaving AND (sender IS NULL OR r.sender_id = sender);
    RETURN FOUND;
END
$$;

-- A stored report to the first stage; test reports reach no desk.
CREATE FUNCTION intake_enqueue(report uuid) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO intake_work (report_id, stage, urgent, slow_lane)
    SELECT r.id, 'HARMONISE', r.urgent, r.slow_lane FROM intake_report r
    WHERE r.id = report AND NOT r.is_test AND r.state <> 'OPEN' ON CONFLICT DO NOTHING
$$;

-- The waiting work of a retracted report; an urgent one goes to a person all the same (decisions 29).
CREATE FUNCTION intake_withdraw_work(report uuid) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    DELETE FROM intake_work w USING intake_report r
    WHERE w.report_id = report AND r.id = report AND r.state = 'RETRACTED' AND NOT r.urgent
$$;

-- What the holder of a receipt code may know of a report.
CREATE FUNCTION intake_follow(code bytea) RETURNS TABLE (
    id uuid, state text, received_at timestamptz, in_progress boolean, signed text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT r.id, r.state, r.received_at, w.report_id IS NOT NULL, c.signed
    FROM intake_receipt c JOIN intake_report r ON r.id = c.report_id
    LEFT JOIN intake_work w ON w.report_id = r.id WHERE c.lookup_hash = code
$$;

-- The conversation behind a receipt code; the desk's words are sealed to the code.
CREATE FUNCTION intake_conversation(code bytea) RETURNS TABLE (
    id uuid, from_desk boolean, created_at timestamptz, object_id uuid, for_reporter bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT m.id, m.from_desk, m.created_at, m.object_id, m.for_reporter
    FROM intake_message m JOIN intake_receipt c ON c.report_id = m.report_id
    WHERE c.lookup_hash = code ORDER BY m.id
$$;
"""

DROP = """
DROP FUNCTION intake_conversation, intake_follow, intake_withdraw_work, intake_enqueue, intake_move,
    intake_hold_state, intake_statuses;
"""


class Migration(migrations.Migration):
    """Creates functions; no table changes."""

    dependencies = [("intake", "0001_initial")]
    operations = [migrations.RunSQL(SQL, DROP)]
