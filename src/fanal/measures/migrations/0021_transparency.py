"""Commits each step of a measure and each version of the blocking list to the transparency log (ADR 0089).

Triggers write `measures_commitment` in the transaction of the step or version: the statement, 32 random
bytes, and the SHA-256 of both, which is published. `measures_log` numbers the commitments. When the last
document of an act is deleted, its statements and random bytes go; commitments and numbers stay.
"""

from django.db import migrations

SQL = """
CREATE TABLE measures_commitment (
    id bigint GENERATED ALWAYS AS IDENTITY,
    act_id uuid,
    desk_id integer,
    serial bigint,
    commitment bytea NOT NULL,
    statement text NOT NULL,
    blinding bytea,
    CONSTRAINT measures_commitment_pkey PRIMARY KEY (id),
    CONSTRAINT measures_commitment_once UNIQUE (commitment),
    CONSTRAINT measures_commitment_act FOREIGN KEY (act_id) REFERENCES casework_act (id),
    CONSTRAINT measures_commitment_serial FOREIGN KEY (serial) REFERENCES measures_blocklist (serial),
    CONSTRAINT measures_commitment_one CHECK (num_nonnulls(act_id, serial) = 1
        AND (act_id IS NULL) = (desk_id IS NULL)),
    CONSTRAINT measures_commitment_opens CHECK (CASE WHEN blinding IS NULL THEN statement = ''
        ELSE length(blinding) = 32 AND commitment = sha256('\\x66616e616c2f636f6d6d69746d656e742f310a'::bytea
            || blinding || convert_to(statement, 'UTF8')) END)
);
CREATE INDEX measures_commitment_of_act ON measures_commitment (act_id);
CREATE INDEX measures_commitment_of_list ON measures_commitment (serial) WHERE serial IS NOT NULL;

CREATE TABLE measures_log (
    position bigint NOT NULL,
    commitment bytea NOT NULL,
    CONSTRAINT measures_log_pkey PRIMARY KEY (position),
    CONSTRAINT measures_log_once UNIQUE (commitment),
    CONSTRAINT measures_log_size CHECK (length(commitment) = 32 AND position >= 0)
);

CREATE FUNCTION measures_commit(act uuid, desk integer, list bigint, words text) RETURNS void LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    -- Two UUIDs of version 4 have 244 random bits.
    blind bytea := sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
BEGIN
    INSERT INTO measures_commitment (act_id, desk_id, serial, commitment, statement, blinding)
        VALUES (act, desk, list, sha256('\\x66616e616c2f636f6d6d69746d656e742f310a'::bytea  -- fanal/commitment/1
            || blind || convert_to(words, 'UTF8')), words, blind);
END $$;
REVOKE EXECUTE ON FUNCTION measures_commit FROM PUBLIC;

CREATE FUNCTION measures_written(at timestamptz) RETURNS text LANGUAGE sql STABLE
    SET search_path = public, pg_temp AS $$
    SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;

CREATE FUNCTION measures_commit_step() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    act casework_act;
BEGIN
    SELECT * INTO act FROM casework_act WHERE id = NEW.act_id;
    IF act.kind IN ('measure', 'blocking', 'dereferencing', 'mirror') THEN
        PERFORM measures_commit(act.id, act.desk_id, NULL, json_build_object('kind', act.kind, 'act', act.id,
            'transition', NEW.transition, 'state', NEW.target, 'outcome', NEW.outcome, 'revision', NEW.revision,
            'document', (SELECT encode(digest, 'hex') FROM casework_document d
                WHERE d.act_id = act.id AND d.revision = NEW.revision),
            'happened_at', measures_written(NEW.happened_at),
            'recorded_at', measures_written(NEW.recorded_at))::text);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER measures_commit_step AFTER INSERT ON casework_step
    FOR EACH ROW EXECUTE FUNCTION measures_commit_step();

CREATE FUNCTION measures_commit_list() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM measures_commit(NULL, NULL, NEW.serial, json_build_object('kind', 'list', 'serial', NEW.serial,
        'sha256', NEW.digest, 'entries', NEW.entries, 'purpose', NEW.purpose,
        'made_at', measures_written(NEW.made_at), 'expires_at', measures_written(NEW.expires_at))::text);
    RETURN NULL;
END $$;
CREATE TRIGGER measures_commit_list AFTER INSERT ON measures_blocklist
    FOR EACH ROW EXECUTE FUNCTION measures_commit_list();

CREATE FUNCTION measures_commitment_ends() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE measures_commitment SET statement = '', blinding = NULL
        WHERE act_id IN (SELECT act_id FROM gone) AND blinding IS NOT NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER measures_commitment_ends AFTER DELETE ON casework_document
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION measures_commitment_ends();

CREATE FUNCTION measures_commitment_kept() RETURNS trigger LANGUAGE plpgsql
    SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP <> 'UPDATE' OR NEW.blinding IS NOT NULL
        OR (NEW.id, NEW.act_id, NEW.desk_id, NEW.commitment)
            IS DISTINCT FROM (OLD.id, OLD.act_id, OLD.desk_id, OLD.commitment)
        OR EXISTS (SELECT FROM casework_document WHERE act_id = OLD.act_id) OR OLD.act_id IS NULL THEN
        RAISE EXCEPTION 'a commitment stays as it was made' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER measures_commitment_kept BEFORE UPDATE OR DELETE ON measures_commitment
    FOR EACH ROW EXECUTE FUNCTION measures_commitment_kept();
CREATE TRIGGER measures_commitment_whole BEFORE TRUNCATE ON measures_commitment
    FOR EACH STATEMENT EXECUTE FUNCTION measures_append_only();
CREATE TRIGGER measures_log_kept BEFORE UPDATE OR DELETE ON measures_log
    FOR EACH ROW EXECUTE FUNCTION measures_append_only();
CREATE TRIGGER measures_log_whole BEFORE TRUNCATE ON measures_log
    FOR EACH STATEMENT EXECUTE FUNCTION measures_append_only();
"""
BACK = """
DROP TRIGGER measures_commit_step ON casework_step;
DROP TRIGGER measures_commit_list ON measures_blocklist;
DROP TRIGGER measures_commitment_ends ON casework_document;
DROP TABLE measures_commitment, measures_log;
DROP FUNCTION measures_commit_step, measures_commit_list, measures_commitment_ends, measures_commitment_kept,
    measures_commit, measures_written;
"""


class Migration(migrations.Migration):
    """Written in SQL, like the other tables of measures. Earlier steps and lists are not in the log."""

    dependencies = [("measures", "0020_decisions_end")]
    operations = [migrations.RunSQL(SQL, BACK)]
