"""Lets a public node query only by a sender's name, or by a digest that only its holder can compute.

Before, a NULL sender meant everybody's reports, and keys, wire numbers and files could be listed.
"""

from django.db import migrations

FORWARD = """
-- Whose reports are asked for: everybody's (NULL) is the system's question; the public's reports (zero) are
-- looked at for a repeat that its draft proves, and moved by nobody.
CREATE FUNCTION intake_require_sender(sender uuid, public_too boolean) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
BEGIN
    IF session_user = 'fanal_intake' AND (sender IS NULL
        OR (NOT public_too AND sender = '00000000-0000-0000-0000-000000000000')) THEN
        RAISE EXCEPTION 'a public node names the sender' USING ERRCODE = 'insufficient_privilege';
    END IF;
END
$$;

DROP FUNCTION intake_statuses(uuid[], uuid);
CREATE FUNCTION intake_statuses(wanted uuid[], sender uuid) RETURNS TABLE (
    id uuid, desk_id integer, sender_id uuid, arrival text, format text, reference text,
    wire_id bigint, state text, received_at timestamptz, changed_at timestamptz, urgent boolean,
    is_test boolean, language text, size integer, correlation_id text, stage text,
    quarantined_at timestamptz, signed text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM intake_require_sender(sender, true);
    RETURN QUERY SELECT r.id, r.desk_id, r.sender_id, r.arrival, r.format, r.reference, r.wire_id, r.state,
        r.received_at, r.changed_at, r.urgent, r.is_test, r.language, r.size, r.correlation_id,
        w.stage, w.quarantined_at, c.signed
    FROM intake_report r
    LEFT JOIN intake_work w ON w.report_id = r.id
    LEFT JOIN intake_receipt c ON c.report_id = r.id
    WHERE r.id = ANY (wanted) AND (sender IS NULL OR r.sender_id = sender);
END
$$;

DROP FUNCTION intake_hold_state(uuid, uuid);
CREATE FUNCTION intake_hold_state(report uuid, sender uuid)
RETURNS TABLE (state text, urgent boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM intake_require_sender(sender, false);
    RETURN QUERY SELECT r.state, r.urgent FROM intake_report r
    WHERE r.id = report AND (sender IS NULL OR r.sender_id = sender) FOR UPDATE;
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
    UPDATE intake_report r SET state = entering, changed_at = at
    WHERE r.id = report AND r.state = leaving AND (sender IS NULL OR r.sender_id = sender);
    RETURN FOUND;
END
$$;

DROP FUNCTION intake_enqueue(uuid);
CREATE FUNCTION intake_enqueue(report uuid, sender uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM intake_require_sender(sender, false);
    INSERT INTO intake_work (report_id, stage, urgent, slow_lane)
    SELECT r.id, 'HARMONISE', r.urgent, r.slow_lane FROM intake_report r
    WHERE r.id = report AND (sender IS NULL OR r.sender_id = sender)
      AND NOT r.is_test AND r.state <> 'OPEN' ON CONFLICT DO NOTHING;
END
$$;

DROP FUNCTION intake_withdraw_work(uuid);
CREATE FUNCTION intake_withdraw_work(report uuid, sender uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM intake_require_sender(sender, false);
    DELETE FROM intake_work w USING intake_report r
    WHERE w.report_id = report AND r.id = report AND (sender IS NULL OR r.sender_id = sender)
      AND r.state = 'RETRACTED' AND NOT r.urgent;
END
$$;

-- The reports that hold these keys: whoever asks knows the keyed digest of each.
CREATE FUNCTION intake_known(senders uuid[], kinds text[], digests bytea[]) RETURNS TABLE (
    sender_id uuid, kind text, digest bytea, fingerprint bytea, report_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT k.sender_id, k.kind, k.digest, k.fingerprint, k.report_id
    FROM unnest(senders, kinds, digests) AS w (sender_id, kind, digest)
    JOIN intake_key k USING (sender_id, kind, digest)
$$;

-- The report of a sender's own wire number.
CREATE FUNCTION intake_by_wire(number bigint, sender uuid) RETURNS uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM intake_require_sender(sender, false);
    RETURN (SELECT n.report_id FROM intake_wire n WHERE n.wire_id = number AND n.sender_id = sender);
END
$$;

-- The files of a sender's own report, in their order.
CREATE FUNCTION intake_file_ids(report uuid, sender uuid) RETURNS TABLE (file_id text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM intake_require_sender(sender, false);
    RETURN QUERY SELECT u.file_id FROM intake_upload u JOIN intake_report r ON r.id = u.report_id
        WHERE r.id = report AND (sender IS NULL OR r.sender_id = sender)
        ORDER BY u.position, u.file_id;
END
$$;

-- The details of a file of a sender's own open report; an earlier document goes before the new one.
CREATE FUNCTION intake_describe(report uuid, sender uuid, file text, details uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM intake_require_sender(sender, false);
    UPDATE intake_upload u SET details_id = details,
        earlier_ids = array_remove(u.earlier_ids || u.details_id, NULL)
    FROM intake_report r WHERE r.id = report AND r.state = 'OPEN'
      AND (sender IS NULL OR r.sender_id = sender) AND u.report_id = report AND u.file_id = file;
    RETURN FOUND;
END
$$;

-- The answer of whoever holds the code; what the desk writes comes another way.
CREATE FUNCTION intake_answer(code bytea, message uuid, at timestamptz, sealed uuid) RETURNS uuid
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO intake_message (id, report_id, from_desk, created_at, object_id)
    SELECT message, c.report_id, false, at, sealed FROM intake_receipt c WHERE c.lookup_hash = code
    RETURNING report_id
$$;
"""


class Migration(migrations.Migration):
    """Replaces functions. Not reversible: the earlier versions would open the lists again."""

    dependencies = [("intake", "0011_lift_motive")]
    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
