"""Lets only a node to which a sender's secret was presented lock that sender's keys."""

from django.db import migrations

FORWARD = """
-- A key that is inserted keeps every other insert of it waiting until its transaction ends, and the sender was
-- asked for only then. The report that it belongs to is still looked for at the end (`intake_key_of_node`).
CREATE FUNCTION intake_key_begins() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM intake_require_sender(NEW.sender_id, true);
    RETURN NEW;
END
$$;
CREATE TRIGGER intake_key_of_sender BEFORE INSERT ON intake_key FOR EACH ROW
    WHEN (session_user = 'fanal_intake') EXECUTE FUNCTION intake_key_begins();

-- Keeps two requests of a sender with one key from working at once, for the transaction. Each sender's numbers
-- lie in a space of their own: whoever may choose the digests still reaches no other sender's. A public node
-- takes few at a time: PostgreSQL's own functions are closed to it, which could else take so many that nobody
-- connects.
DROP FUNCTION intake_lock_keys(bytea[]);
CREATE FUNCTION intake_lock_keys(sender uuid, digests bytea[]) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    space CONSTANT integer := ('x' || encode(substr(sha256(uuid_send(sender)), 1, 4), 'hex'))::bit(32)::integer;
    digest bytea;
BEGIN
    PERFORM intake_require_sender(sender, true);
    IF session_user = 'fanal_intake' AND (SELECT count(*) FROM pg_locks l
            WHERE l.pid = pg_backend_pid() AND l.locktype = 'advisory') + cardinality(digests) > 16 THEN
        RAISE EXCEPTION 'a public node locks the keys of one report' USING ERRCODE = 'insufficient_privilege';
    END IF;
    FOREACH digest IN ARRAY digests LOOP
        IF NOT pg_try_advisory_xact_lock(
            space, ('x' || encode(substr(digest, 1, 4), 'hex'))::bit(32)::integer) THEN
            RETURN false;
        END IF;
    END LOOP;
    RETURN true;
END
$$;
"""


class Migration(migrations.Migration):
    """Replaces functions and adds a trigger. Not reversible: that would let a sender lock another's keys."""

    dependencies = [("intake", "0022_patient_months")]
    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
