"""Checks that functions called by a public node act in the present, and that receipts and work are for its reports."""

from django.db import migrations

FORWARD = """
-- A public node's own instants: a message of later years would never end, a report moved in earlier ones at once.
CREATE FUNCTION intake_require_present(at timestamptz) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
BEGIN
    IF session_user = 'fanal_intake' AND (at BETWEEN clock_timestamp() - interval '6 hours'
            AND clock_timestamp() + interval '5 minutes') IS NOT TRUE THEN
        RAISE EXCEPTION 'a public node acts now' USING ERRCODE = 'check_violation';
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION intake_move(
    report uuid, sender uuid, leaving text, entering text, at timestamptz) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF (leaving, entering) NOT IN (('OPEN', 'OPEN'), ('OPEN', 'FINISHED'), ('OPEN', 'RETRACTED'),
                                   ('FINISHED', 'RETRACTED')) THEN
        RAISE EXCEPTION 'a sender moves no report from % to %', leaving, entering
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM intake_require_sender(sender, false);
    PERFORM intake_require_present(at);
    UPDATE intake_report r SET state = entering, changed_at = at
    WHERE r.id = report AND r.state = leaving AND (sender IS NULL OR r.sender_id = sender);
    RETURN FOUND;
END
$$;

CREATE OR REPLACE FUNCTION intake_answer(code bytea, message uuid, at timestamptz, sealed uuid) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    report uuid;
BEGIN
    PERFORM intake_require_present(at);
    INSERT INTO intake_message (id, report_id, from_desk, created_at, object_id)
    SELECT message, c.report_id, false, at, sealed FROM intake_receipt c WHERE c.lookup_hash = code
    RETURNING report_id INTO report;
    RETURN report;
END
$$;

-- Refusals are counted for the partner that showed its secret, in codes and not in words.
CREATE OR REPLACE FUNCTION intake_count_refusal(
    sender uuid, at timestamptz, at_step text, with_code text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM intake_require_sender(sender, true);
    PERFORM intake_require_present(at);
    IF session_user = 'fanal_intake' AND (at_step || with_code ~ '^[A-Za-z0-9_.-]*$') IS NOT TRUE THEN
        RAISE EXCEPTION 'a refusal has a step and a code' USING ERRCODE = 'check_violation';
    END IF;
    INSERT INTO intake_refusal AS r (sender_id, hour, step, code, refused)
    VALUES (sender, date_trunc('hour', at, 'UTC'), at_step, with_code, 1)
    ON CONFLICT (sender_id, hour, step, code) DO UPDATE SET refused = r.refused + 1;
END
$$;

-- A receipt opens the conversation of its report to whoever holds its code, and work says where its stages begin.
CREATE CONSTRAINT TRIGGER intake_receipt_of_node AFTER INSERT ON intake_receipt
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (session_user = 'fanal_intake') EXECUTE FUNCTION intake_of_its_sender();
CREATE CONSTRAINT TRIGGER intake_work_of_node AFTER INSERT ON intake_work
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (session_user = 'fanal_intake' AND NEW.stage = 'HARMONISE') EXECUTE FUNCTION intake_of_its_sender();
CREATE FUNCTION intake_first_stage() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'what a public node deposits begins at the first stage' USING ERRCODE = 'check_violation';
END
$$;
CREATE TRIGGER intake_work_begins BEFORE INSERT ON intake_work FOR EACH ROW
    WHEN (session_user = 'fanal_intake' AND NEW.stage <> 'HARMONISE') EXECUTE FUNCTION intake_first_stage();
"""


class Migration(migrations.Migration):
    """Replaces functions and adds triggers. Not reversible: that would open other senders' deposits."""

    dependencies = [("intake", "0015_presented_credentials")]
    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
