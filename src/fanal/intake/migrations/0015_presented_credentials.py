"""Lets a public node deposit and read only for the public, or for a partner whose secret was presented to it."""

from django.db import migrations

FORWARD = """
CREATE OR REPLACE FUNCTION intake_require_sender(sender uuid, public_too boolean) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT accounts_speaks_for(sender)
        AND (public_too AND sender = '00000000-0000-0000-0000-000000000000') IS NOT TRUE THEN
        RAISE EXCEPTION 'a public node names the sender whose secret it was shown'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION intake_deposit_bounds() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    earliest CONSTANT timestamptz := clock_timestamp() - interval '6 hours';
    latest CONSTANT timestamptz := clock_timestamp() + interval '5 minutes';
BEGIN
    PERFORM intake_require_sender(NEW.sender_id, true);
    IF NEW.received_at NOT BETWEEN earliest AND latest OR NEW.changed_at NOT BETWEEN earliest AND latest
        OR NEW.id < fanal_lowest_id(earliest) OR NEW.id > fanal_lowest_id(latest)
        OR NEW.state NOT IN ('OPEN', 'FINISHED') THEN
        RAISE EXCEPTION 'a public node deposits now' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;

-- What comes with a report: its keys and its files. Those of a report that stands are added while it is
-- open, by its sender; the others come in the transaction of the deposit, keys before their report.
CREATE FUNCTION intake_of_its_sender() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    sender uuid;
BEGIN
    SELECT r.sender_id INTO sender FROM intake_report r WHERE r.id = NEW.report_id
        AND (r.state = 'OPEN' OR r.xmin = pg_current_xact_id()::xid);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a public node adds to what it deposits' USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM intake_require_sender(sender, true);
    IF TG_TABLE_NAME = 'intake_key' AND to_jsonb(NEW) ->> 'sender_id' <> sender::text THEN
        RAISE EXCEPTION 'a key is that of its report''s sender' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER intake_key_of_node AFTER INSERT ON intake_key
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (session_user = 'fanal_intake') EXECUTE FUNCTION intake_of_its_sender();
CREATE CONSTRAINT TRIGGER intake_upload_of_node AFTER INSERT ON intake_upload
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (session_user = 'fanal_intake') EXECUTE FUNCTION intake_of_its_sender();

-- Keeps two requests with one key from working at once, for the transaction. The numbers lie in a space of
-- their own, few at a time: PostgreSQL's own functions are closed to a public node, which could else take
-- so many that nobody connects.
CREATE FUNCTION intake_lock_keys(digests bytea[]) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    digest bytea;
BEGIN
    IF session_user = 'fanal_intake' AND (SELECT count(*) FROM pg_locks l
            WHERE l.pid = pg_backend_pid() AND l.locktype = 'advisory') + cardinality(digests) > 16 THEN
        RAISE EXCEPTION 'a public node locks the keys of one report' USING ERRCODE = 'insufficient_privilege';
    END IF;
    FOREACH digest IN ARRAY digests LOOP
        IF NOT pg_try_advisory_xact_lock(
            20615, ('x' || encode(substr(digest, 1, 4), 'hex'))::bit(32)::integer) THEN
            RETURN false;
        END IF;
    END LOOP;
    RETURN true;
END
$$;
"""


class Migration(migrations.Migration):
    """Replaces functions and adds triggers. Not reversible: that would open other senders' reports."""

    dependencies = [
        ("intake", "0014_node_bounds"),
        ("accounts", "0012_presented_credentials"),
    ]
    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
