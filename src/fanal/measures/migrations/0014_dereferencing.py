"""Creates the table of dereferencings, and the guards of their documents and steps.

`measures_dereferencing` is derived from documents and steps by triggers alone. Its quarter is counted as for
blockings (`measures_check_due`), and its doubts have the same time (`measures_doubt_delay`).
"""

from django.db import migrations

TABLE = """
CREATE TABLE measures_dereferencing (
    act_id uuid NOT NULL,
    host text NOT NULL,
    recipient text NOT NULL,
    removal_id uuid NOT NULL,
    approved_at timestamptz,
    notified_at timestamptz,
    confirmed_at timestamptz,
    checked_at timestamptz,
    doubted_at timestamptz,
    ended_at timestamptz,
    asked_at timestamptz,
    reviewed_at timestamptz,
    outcome text NOT NULL DEFAULT '',
    CONSTRAINT measures_dereferencing_pkey PRIMARY KEY (act_id),
    CONSTRAINT measures_dereferencing_act FOREIGN KEY (act_id) REFERENCES casework_act (id),
    CONSTRAINT measures_dereferencing_removal FOREIGN KEY (removal_id) REFERENCES casework_act (id)
);
CREATE INDEX measures_dereferencing_requested ON measures_dereferencing (removal_id);
"""

GUARDS = """
-- The bytes of a dereferencing name its act, their revision, and a removal request of the same decision, whose
-- host is theirs and among whose present addresses are all of theirs.
CREATE FUNCTION measures_dereferencing_read() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    act casework_act;
    asked jsonb;
    requested jsonb;
BEGIN
    SELECT * INTO act FROM casework_act WHERE id = NEW.act_id AND kind = 'dereferencing';
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    BEGIN
        asked := convert_from(NEW.content, 'UTF8')::jsonb -> 'dereferencing';
    EXCEPTION WHEN data_exception THEN
        asked := NULL;
    END;
    SELECT convert_from(d.content, 'UTF8')::jsonb -> 'request' INTO requested
        FROM casework_act a JOIN casework_document d ON d.act_id = a.id AND d.revision = a.revision
        WHERE a.id = (asked ->> 'removal_id')::uuid AND a.kind = 'measure'
          AND (a.subject_id, a.decision_id, a.desk_id) = (act.subject_id, act.decision_id, act.desk_id);
    IF (asked ->> 'act_id', asked ->> 'revision') IS DISTINCT FROM (NEW.act_id::text, NEW.revision::text)
        OR asked ->> 'host' IS DISTINCT FROM requested ->> 'host'
        OR asked #>> '{addressee,name}' IS NULL
        OR coalesce(jsonb_typeof(asked -> 'targets') <> 'array', true)
        OR asked -> 'targets' = '[]'
        OR coalesce(NOT requested -> 'targets' @> (asked -> 'targets'), true)
        OR EXISTS (SELECT FROM measures_dereferencing b WHERE b.act_id = NEW.act_id
            AND (host, removal_id::text) IS DISTINCT FROM (asked ->> 'host', asked ->> 'removal_id')) THEN
        RAISE EXCEPTION 'the bytes of a dereferencing name its act and addresses of its removal request'
            USING ERRCODE = 'check_violation';
    END IF;
    INSERT INTO measures_dereferencing (act_id, host, recipient, removal_id)
        VALUES (act.id, asked ->> 'host', asked #>> '{addressee,name}', (asked ->> 'removal_id')::uuid)
        ON CONFLICT (act_id) DO UPDATE SET recipient = excluded.recipient;
    RETURN NULL;
END $$;
CREATE TRIGGER measures_dereferencing_read AFTER INSERT ON casework_document
    FOR EACH ROW EXECUTE FUNCTION measures_dereferencing_read();

CREATE FUNCTION measures_dereferencing_step() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    act casework_act;
    known measures_dereferencing;
    other uuid;
BEGIN
    SELECT * INTO act FROM casework_act WHERE id = NEW.act_id AND kind = 'dereferencing';
    IF NOT FOUND THEN
        RETURN NEW;
    END IF;
    IF NOT EXISTS (SELECT FROM fanal_instance WHERE mark = 'DEMO') THEN
        NEW.recorded_at := greatest(NEW.recorded_at, clock_timestamp());
    END IF;
    SELECT * INTO known FROM measures_dereferencing WHERE act_id = act.id;
    IF NEW.transition IN ('keep', 'free', 'review') AND btrim(NEW.reason) = '' THEN
        RAISE EXCEPTION 'the step has no reason' USING ERRCODE = 'check_violation';
    END IF;
    other := (SELECT actor_id FROM casework_step WHERE act_id = act.id
        AND transition = CASE NEW.transition WHEN 'review' THEN 'free' WHEN 'keep' THEN 'doubt' END
        ORDER BY db_at DESC LIMIT 1);
    IF NEW.actor_id = other THEN
        RAISE EXCEPTION 'another person takes this step' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.transition = 'review' AND (known.outcome <> 'FREED' OR known.reviewed_at IS NOT NULL) THEN
        RAISE EXCEPTION 'there is nothing to review' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.transition = 'restore' AND known.outcome = 'FREED' AND known.reviewed_at IS NULL THEN
        RAISE EXCEPTION 'another person reviews it first' USING ERRCODE = 'check_violation';
    END IF;
    -- The lock puts notification and execution one after the other.
    IF NEW.transition IN ('notify', 'check', 'keep') AND (SELECT state FROM casework_act
            WHERE id = known.removal_id FOR SHARE) IN ('EXECUTED', 'LIFTED', 'WITHDRAWN', 'ANNULLED') THEN
        RAISE EXCEPTION 'the removal request has ended' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.transition IN ('confirm', 'check', 'keep') AND (
        NEW.recorded_at >= measures_check_due(greatest(known.notified_at, known.checked_at))
        OR known.doubted_at IS NOT NULL AND NEW.recorded_at >= known.doubted_at + coalesce(
            (SELECT longest FROM measures_doubt_delay WHERE level = act.level), interval '0')) THEN
        RAISE EXCEPTION 'the dereferencing has lapsed' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
-- Its name puts it after casework_step_guard, which holds the act.
CREATE TRIGGER measures_dereferencing_step BEFORE INSERT ON casework_step
    FOR EACH ROW EXECUTE FUNCTION measures_dereferencing_step();

-- The only writer of the instants of a dereferencing.
CREATE FUNCTION measures_dereferencing_taken() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE measures_dereferencing SET
        approved_at = CASE NEW.transition WHEN 'approve' THEN NEW.happened_at WHEN 'amend' THEN NULL
            ELSE approved_at END,
        notified_at = CASE NEW.transition WHEN 'notify' THEN NEW.happened_at ELSE notified_at END,
        confirmed_at = CASE NEW.transition WHEN 'confirm' THEN NEW.happened_at ELSE confirmed_at END,
        checked_at = CASE NEW.transition WHEN 'check' THEN NEW.happened_at ELSE checked_at END,
        doubted_at = CASE NEW.transition WHEN 'doubt' THEN NEW.happened_at WHEN 'keep' THEN NULL
            ELSE doubted_at END,
        ended_at = CASE WHEN NEW.transition IN ('free', 'lift') THEN NEW.happened_at ELSE ended_at END,
        asked_at = CASE NEW.transition WHEN 'ask' THEN NEW.happened_at ELSE asked_at END,
        reviewed_at = CASE NEW.transition WHEN 'review' THEN NEW.happened_at ELSE reviewed_at END,
        outcome = CASE NEW.transition WHEN 'lift' THEN NEW.outcome WHEN 'free' THEN 'FREED' ELSE outcome END
    WHERE act_id = NEW.act_id;
    RETURN NULL;
END $$;
CREATE TRIGGER measures_dereferencing_taken AFTER INSERT ON casework_step
    FOR EACH ROW EXECUTE FUNCTION measures_dereferencing_taken();

CREATE TRIGGER measures_dereferencing_kept BEFORE DELETE ON measures_dereferencing
    FOR EACH ROW EXECUTE FUNCTION measures_append_only();
CREATE TRIGGER measures_dereferencing_whole BEFORE TRUNCATE ON measures_dereferencing
    FOR EACH STATEMENT EXECUTE FUNCTION measures_append_only();

-- Expiry's own: host and recipient of a dereferencing that has ended; returns the acts whose words may end too.
CREATE FUNCTION measures_erase_dereferencings(erased uuid[]) RETURNS SETOF uuid
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE measures_dereferencing b SET host = '', recipient = '' FROM casework_act a
        WHERE a.id = b.act_id AND a.id = ANY (erased) AND a.state IN ('LIFTED', 'WITHDRAWN') RETURNING b.act_id
$$;
"""
BACK = """
DROP TRIGGER measures_dereferencing_taken ON casework_step;
DROP TRIGGER measures_dereferencing_step ON casework_step;
DROP TRIGGER measures_dereferencing_read ON casework_document;
DROP TABLE measures_dereferencing;
DROP FUNCTION measures_erase_dereferencings, measures_dereferencing_taken, measures_dereferencing_step,
    measures_dereferencing_read;
"""


class Migration(migrations.Migration):
    """Written in SQL, like the other tables of measures (unmanaged models)."""

    dependencies = [("measures", "0013_requests_end")]
    operations = [migrations.RunSQL(TABLE + GUARDS, BACK)]
