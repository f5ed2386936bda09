"""Creates the table of appeals, and the guards of their documents and steps.

`measures_appeal` is derived from documents and steps by triggers alone. A ruling has its file as proof. One that
annuls is recorded once the measure, and what rests on it, is no longer in force: the program lifts them in the
same transaction, and a ruling that lifts nothing is refused. A name whose blocking was annulled is not listed
again on the same removal request.
"""

from django.db import migrations

TABLE = """
CREATE TABLE measures_appeal (
    act_id uuid NOT NULL,
    contested_id uuid NOT NULL,
    filer text NOT NULL,
    known_at timestamptz,
    filed_at timestamptz,
    heard_at timestamptz,
    ruled_at timestamptz,
    ruling text NOT NULL DEFAULT '',
    appealed_at timestamptz,
    appealed_by text NOT NULL DEFAULT '',
    final_at timestamptz,
    final_ruling text NOT NULL DEFAULT '',
    CONSTRAINT measures_appeal_pkey PRIMARY KEY (act_id),
    CONSTRAINT measures_appeal_act FOREIGN KEY (act_id) REFERENCES casework_act (id),
    CONSTRAINT measures_appeal_contested FOREIGN KEY (contested_id) REFERENCES casework_act (id),
    CONSTRAINT measures_appeal_filer CHECK (filer IN ('PROVIDER', 'EDITOR', 'PERSON', 'OVERSEER'))
);
CREATE INDEX measures_appeal_against ON measures_appeal (contested_id);
"""

GUARDS = """
-- As rules.terms_of: the ruling may be contested until midnight, in Paris, at the end of the tenth day.
CREATE FUNCTION measures_appeal_until(ruled timestamptz) RETURNS timestamptz LANGUAGE sql IMMUTABLE
    SET search_path = public, pg_temp AS $$
    SELECT ((ruled AT TIME ZONE 'Europe/Paris')::date + 11)::timestamp AT TIME ZONE 'Europe/Paris'
$$;

-- States in which a measure has effect: a ruling that annuls it ends them.
CREATE FUNCTION measures_has_effect(act casework_act) RETURNS boolean LANGUAGE sql IMMUTABLE
    SET search_path = public, pg_temp AS $$
    SELECT CASE act.kind
        WHEN 'measure' THEN act.state IN ('SENT', 'RECEIVED', 'SUSPENDED', 'EXPIRED', 'EXECUTED')
        WHEN 'dereferencing' THEN act.state IN ('NOTIFIED', 'IN_FORCE', 'DOUBTED')
        ELSE act.state IN ('LISTED', 'IN_FORCE', 'DOUBTED') END
$$;

-- The bytes of an appeal name their act, their revision and a measure that was sent, on the same report of
-- the same desk.
CREATE FUNCTION measures_appeal_read() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    act casework_act;
    said jsonb;
    known timestamptz;
BEGIN
    SELECT * INTO act FROM casework_act WHERE id = NEW.act_id AND kind = 'appeal';
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    BEGIN
        said := convert_from(NEW.content, 'UTF8')::jsonb -> 'appeal';
        known := nullif(said ->> 'known_at', '')::timestamptz;
    EXCEPTION WHEN data_exception THEN
        said := NULL;
    END;
    IF (said ->> 'act_id', said ->> 'revision') IS DISTINCT FROM (NEW.act_id::text, NEW.revision::text)
        OR NOT coalesce(said ->> 'filer' IN ('PROVIDER', 'EDITOR', 'PERSON', 'OVERSEER'), false)
        OR NOT EXISTS (SELECT FROM casework_act c WHERE c.id::text = said ->> 'contested_id'
            AND c.kind IN ('measure', 'blocking', 'dereferencing') AND c.kind = said ->> 'contested_kind'
            AND (c.subject_id, c.desk_id) = (act.subject_id, act.desk_id) AND c.sent_at IS NOT NULL) THEN
        RAISE EXCEPTION 'the bytes of an appeal name its act, its filer and a measure that was sent'
            USING ERRCODE = 'check_violation';
    END IF;
    INSERT INTO measures_appeal (act_id, contested_id, filer, known_at)
        VALUES (act.id, (said ->> 'contested_id')::uuid, said ->> 'filer', known);
    RETURN NULL;
END $$;
CREATE TRIGGER measures_appeal_read AFTER INSERT ON casework_document
    FOR EACH ROW EXECUTE FUNCTION measures_appeal_read();

CREATE FUNCTION measures_appeal_step() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    act casework_act;
    known measures_appeal;
    contested casework_act;
BEGIN
    SELECT * INTO act FROM casework_act WHERE id = NEW.act_id;
    IF act.kind = 'blocking' AND NEW.transition = 'list' AND EXISTS (
        SELECT FROM measures_blocking mine
            JOIN measures_blocking other USING (removal_id, host)
            JOIN measures_appeal a ON a.contested_id = other.act_id
        WHERE mine.act_id = act.id AND coalesce(nullif(a.final_ruling, ''), a.ruling) = 'ANNULLED') THEN
        RAISE EXCEPTION 'a court annulled the blocking of this name' USING ERRCODE = 'check_violation';
    END IF;
    IF act.kind IS DISTINCT FROM 'appeal' THEN
        RETURN NEW;
    END IF;
    IF NOT EXISTS (SELECT FROM fanal_instance WHERE mark = 'DEMO') THEN
        NEW.recorded_at := greatest(NEW.recorded_at, clock_timestamp());
    END IF;
    SELECT * INTO known FROM measures_appeal WHERE act_id = act.id;
    SELECT * INTO contested FROM casework_act WHERE id = known.contested_id FOR SHARE;
    IF NEW.transition = 'strike' AND btrim(NEW.reason) = '' THEN
        RAISE EXCEPTION 'the step has no reason' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.transition = 'file' AND NEW.happened_at < date_trunc('minute', contested.sent_at) THEN
        RAISE EXCEPTION 'an appeal is filed against a measure that was sent' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.transition IN ('rule', 'decide') AND NEW.proof_object IS NULL THEN
        RAISE EXCEPTION 'the file of a ruling is its proof' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.transition IN ('rule', 'decide') AND NEW.outcome = 'ANNULLED' AND (
        measures_has_effect(contested) OR EXISTS (SELECT FROM casework_act c WHERE measures_has_effect(c) AND c.id IN (
            SELECT act_id FROM measures_blocking WHERE removal_id = contested.id
            UNION ALL SELECT act_id FROM measures_dereferencing WHERE removal_id = contested.id))) THEN
        RAISE EXCEPTION 'what a court annuls is lifted first' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.transition = 'close' AND NEW.happened_at < measures_appeal_until(known.ruled_at) THEN
        RAISE EXCEPTION 'the ruling may still be contested' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
-- Its name puts it after casework_step_guard, which holds the act.
CREATE TRIGGER measures_appeal_step BEFORE INSERT ON casework_step
    FOR EACH ROW EXECUTE FUNCTION measures_appeal_step();

-- The only writer of the instants and rulings of an appeal.
CREATE FUNCTION measures_appeal_taken() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE measures_appeal SET
        filed_at = CASE NEW.transition WHEN 'file' THEN NEW.happened_at ELSE filed_at END,
        heard_at = CASE NEW.transition WHEN 'hear' THEN NEW.happened_at ELSE heard_at END,
        ruled_at = CASE NEW.transition WHEN 'rule' THEN NEW.happened_at ELSE ruled_at END,
        ruling = CASE NEW.transition WHEN 'rule' THEN NEW.outcome ELSE ruling END,
        appealed_at = CASE NEW.transition WHEN 'contest' THEN NEW.happened_at ELSE appealed_at END,
        appealed_by = CASE NEW.transition WHEN 'contest' THEN NEW.outcome ELSE appealed_by END,
        final_at = CASE NEW.transition WHEN 'decide' THEN NEW.happened_at ELSE final_at END,
        final_ruling = CASE NEW.transition WHEN 'decide' THEN NEW.outcome ELSE final_ruling END
    WHERE act_id = NEW.act_id;
    RETURN NULL;
END $$;
CREATE TRIGGER measures_appeal_taken AFTER INSERT ON casework_step
    FOR EACH ROW EXECUTE FUNCTION measures_appeal_taken();

CREATE TRIGGER measures_appeal_kept BEFORE DELETE ON measures_appeal
    FOR EACH ROW EXECUTE FUNCTION measures_append_only();
CREATE TRIGGER measures_appeal_whole BEFORE TRUNCATE ON measures_appeal
    FOR EACH STATEMENT EXECUTE FUNCTION measures_append_only();

-- Expiry's own: those of the acts that are closed or struck, whose words may end.
CREATE FUNCTION measures_erase_appeals(erased uuid[]) RETURNS SETOF uuid
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT id FROM casework_act
        WHERE kind = 'appeal' AND id = ANY (erased) AND state IN ('CLOSED', 'STRUCK')
$$;
"""
BACK = """
DROP TRIGGER measures_appeal_taken ON casework_step;
DROP TRIGGER measures_appeal_step ON casework_step;
DROP TRIGGER measures_appeal_read ON casework_document;
DROP TABLE measures_appeal;
DROP FUNCTION measures_erase_appeals, measures_appeal_taken, measures_appeal_step, measures_appeal_read,
    measures_has_effect, measures_appeal_until;
"""


class Migration(migrations.Migration):
    """Written in SQL, like the other tables of measures (unmanaged models)."""

    dependencies = [("measures", "0016_named_changes")]
    operations = [migrations.RunSQL(TABLE + GUARDS, BACK)]
