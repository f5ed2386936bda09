"""Creates the tables of blockings, and the guards of their documents and steps.

`measures_blocking` is derived from documents and steps by triggers alone. Names that need a third person, and
those that are never blocked, are rows of `measures_protected_name`, which `fanal migrate` writes from the
reference data and the Public Suffix List: without them nothing is listed. Instants come from steps, whose
`recorded_at` is the database's own outside a demo: no lapsed name comes back by a step dated earlier.
"""

from django.db import migrations

TABLES = """
CREATE TABLE measures_protected_name (
    name text NOT NULL,
    covers text NOT NULL,
    CONSTRAINT measures_protected_name_pkey PRIMARY KEY (name, covers),
    CONSTRAINT measures_protected_name_covers
        CHECK (covers IN ('NAME', 'BELOW', 'SUFFIX', 'BASE', 'EXCEPTION'))
);

CREATE TABLE measures_blocking (
    act_id uuid NOT NULL,
    host text NOT NULL,
    removal_id uuid NOT NULL,
    ground text NOT NULL,
    approved_at timestamptz,
    listed_at timestamptz,
    checked_at timestamptz,
    doubted_at timestamptz,
    ended_at timestamptz,
    outcome text NOT NULL DEFAULT '',
    CONSTRAINT measures_blocking_pkey PRIMARY KEY (act_id),
    CONSTRAINT measures_blocking_act FOREIGN KEY (act_id) REFERENCES casework_act (id),
    CONSTRAINT measures_blocking_removal FOREIGN KEY (removal_id) REFERENCES casework_act (id),
    CONSTRAINT measures_blocking_ground CHECK (ground IN ('UNEXECUTED', 'NO_MENTIONS'))
);
CREATE INDEX measures_blocking_host ON measures_blocking (host);
CREATE INDEX measures_blocking_requested ON measures_blocking (removal_id);

-- Every list that was made, by serial.
CREATE TABLE measures_blocklist (
    serial bigint NOT NULL,
    made_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    entries integer NOT NULL,
    CONSTRAINT measures_blocklist_pkey PRIMARY KEY (serial),
    CONSTRAINT measures_blocklist_serial CHECK (serial BETWEEN 1 AND 4294967295),
    CONSTRAINT measures_blocklist_life CHECK (expires_at <= made_at + interval '24 hours')
);
"""

NAMES = r"""
-- As names.read_name: letters, digits and hyphens, a root that is no number, at most 241 characters, and no
-- public suffix.
CREATE FUNCTION measures_name_refused(host text) RETURNS boolean LANGUAGE sql STABLE
    SET search_path = public, pg_temp AS $$
    SELECT host !~ ('^((?!rpz-)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+(?![0-9]+$|0x[0-9a-f]*$)'
            || '(?!rpz-)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$')
        OR length(host) > 241
        OR EXISTS (SELECT FROM measures_protected_name WHERE name = host AND covers IN ('SUFFIX', 'BASE'))
        OR EXISTS (SELECT FROM measures_protected_name
            WHERE covers = 'BASE' AND name = substr(host, strpos(host, '.') + 1))
            AND NOT EXISTS (SELECT FROM measures_protected_name WHERE name = host AND covers = 'EXCEPTION')
$$;

-- As names.protections_of, on every day: the name, one above it that covers names below, or one below it.
CREATE FUNCTION measures_name_protected(host text) RETURNS boolean LANGUAGE sql STABLE
    SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM measures_protected_name WHERE covers <> 'EXCEPTION' AND (
        name = host OR right(name, length(host) + 1) = '.' || host
        OR covers = 'BELOW' AND right(host, length(name) + 1) = '.' || name))
$$;

-- As clocks.check_due: three months on the calendar of Paris or 92 days, whichever is earlier. Of two equal
-- local times in October the first counts.
CREATE FUNCTION measures_check_due(since timestamptz) RETURNS timestamptz LANGUAGE sql IMMUTABLE
    SET search_path = public, pg_temp AS $$
    SELECT least(wall AT TIME ZONE 'Europe/Paris',
        (wall - interval '1 hour') AT TIME ZONE 'Europe/Paris' + interval '1 hour',
        since + interval '2208 hours')
    FROM (SELECT since AT TIME ZONE 'Europe/Paris' + interval '3 months' AS wall) later
$$;
"""

GUARDS = """
-- The bytes of a blocking name its act, their revision, its one host, and a removal request of the same
-- decision for that host or one below it: these are read from them.
CREATE FUNCTION measures_blocking_read() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    act casework_act;
    asked jsonb;
    requested text;
BEGIN
    SELECT * INTO act FROM casework_act WHERE id = NEW.act_id AND kind = 'blocking';
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    BEGIN
        asked := convert_from(NEW.content, 'UTF8')::jsonb -> 'blocking';
    EXCEPTION WHEN data_exception THEN
        asked := NULL;
    END;
    SELECT r.host INTO requested FROM measures_request r JOIN casework_act a ON a.id = r.act_id
        WHERE a.id = (asked ->> 'removal_id')::uuid AND a.kind = 'measure'
          AND (a.subject_id, a.decision_id, a.desk_id) = (act.subject_id, act.decision_id, act.desk_id);
    IF (asked ->> 'act_id', asked ->> 'revision') IS DISTINCT FROM (NEW.act_id::text, NEW.revision::text)
        OR coalesce(measures_name_refused(asked ->> 'host'), true)
        OR coalesce(requested <> asked ->> 'host'
            AND right(requested, length(asked ->> 'host') + 1) <> '.' || (asked ->> 'host'), true)
        OR EXISTS (SELECT FROM measures_blocking b WHERE b.act_id = NEW.act_id
            AND (host, removal_id::text, ground) IS DISTINCT FROM
                (asked ->> 'host', asked ->> 'removal_id', asked ->> 'ground')) THEN
        RAISE EXCEPTION 'the bytes of a blocking name its act, its host and its removal request'
            USING ERRCODE = 'check_violation';
    END IF;
    INSERT INTO measures_blocking (act_id, host, removal_id, ground)
        SELECT act.id, asked ->> 'host', (asked ->> 'removal_id')::uuid, asked ->> 'ground'
        WHERE NEW.revision = 1;
    RETURN NULL;
END $$;
CREATE TRIGGER measures_blocking_read AFTER INSERT ON casework_document
    FOR EACH ROW EXECUTE FUNCTION measures_blocking_read();

-- Whether a name may be listed: the removal request is neither executed nor ended nor suspended, and its time
-- has run out or its ground is recorded; a protected name was vouched for. The lock puts listing and
-- execution one after the other.
CREATE FUNCTION measures_may_list(blocked uuid, source text, happened timestamptz) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    known measures_blocking;
    removal text;
    mentions jsonb;
BEGIN
    SELECT * INTO known FROM measures_blocking WHERE act_id = blocked;
    SELECT state INTO removal FROM casework_act WHERE id = known.removal_id FOR SHARE;
    IF removal IS NULL OR removal IN ('SUSPENDED', 'EXECUTED', 'LIFTED', 'WITHDRAWN', 'ANNULLED')
        OR NOT EXISTS (SELECT FROM measures_protected_name)
        OR measures_name_refused(known.host)
        OR source <> 'VOUCHED' AND measures_name_protected(known.host) THEN
        RETURN false;
    END IF;
    IF known.ground = 'UNEXECUTED' THEN
        RETURN coalesce(happened >= measures_removal_deadline(known.removal_id), false);
    END IF;
    SELECT convert_from(d.content, 'UTF8')::jsonb #> '{blocking,mentions}' INTO mentions
        FROM casework_document d JOIN casework_act a ON a.id = d.act_id AND a.revision = d.revision
        WHERE a.id = blocked;
    RETURN (SELECT count(*) FROM unnest(ARRAY['identity', 'seat', 'phone', 'director', 'host']) name
        WHERE btrim(coalesce(mentions ->> name, '')) <> '') = 5;
END $$;

CREATE FUNCTION measures_blocking_step() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    act casework_act;
    known measures_blocking;
    others uuid[];
BEGIN
    SELECT * INTO act FROM casework_act WHERE id = NEW.act_id AND kind = 'blocking';
    IF NOT FOUND THEN
        RETURN NEW;
    END IF;
    IF NOT EXISTS (SELECT FROM fanal_instance WHERE mark = 'DEMO') THEN
        NEW.recorded_at := greatest(NEW.recorded_at, clock_timestamp());
    END IF;
    SELECT * INTO known FROM measures_blocking WHERE act_id = act.id;
    IF NEW.transition IN ('vouch', 'keep', 'free', 'review') AND btrim(NEW.reason) = '' THEN
        RAISE EXCEPTION 'the step has no reason' USING ERRCODE = 'check_violation';
    END IF;
    others := CASE NEW.transition
        WHEN 'vouch' THEN (SELECT array_agg(person) FROM (
            SELECT act.author_id AS person
            UNION SELECT author_id FROM casework_document WHERE act_id = act.id AND revision = act.revision
            UNION SELECT approver_id FROM casework_approval WHERE act_id = act.id AND revision = act.revision) p)
        WHEN 'review' THEN (SELECT array_agg(actor_id) FROM casework_step
            WHERE act_id = act.id AND transition = 'free')
        WHEN 'keep' THEN (SELECT array_agg(actor_id) FROM (SELECT actor_id FROM casework_step
            WHERE act_id = act.id AND transition = 'doubt' ORDER BY db_at DESC LIMIT 1) p)
        ELSE '{}' END;
    IF NEW.actor_id = ANY (others) THEN
        RAISE EXCEPTION 'another person takes this step' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.transition = 'vouch' AND NOT accounts_acts(NEW.actor_id, ARRAY['SUPERVISOR'], act.desk_id,
            NEW.recorded_at, others) THEN
        RAISE EXCEPTION 'the third person was habilitated by one of the two' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.transition = 'list' AND NOT measures_may_list(act.id, NEW.source, NEW.happened_at) THEN
        RAISE EXCEPTION 'the name may not be listed' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.transition IN ('confirm', 'check', 'keep') AND (
        NEW.recorded_at >= measures_check_due(greatest(known.listed_at, known.checked_at))
        OR NEW.recorded_at >= known.doubted_at + interval '31 days') THEN  -- the desk's longest delay
        RAISE EXCEPTION 'the blocking has lapsed' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
-- Its name puts it after casework_step_guard, which holds the act.
CREATE TRIGGER measures_blocking_step BEFORE INSERT ON casework_step
    FOR EACH ROW EXECUTE FUNCTION measures_blocking_step();

-- The only writer of the instants of a blocking.
CREATE FUNCTION measures_blocking_taken() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE measures_blocking SET
        approved_at = CASE NEW.transition WHEN 'approve' THEN NEW.happened_at WHEN 'amend' THEN NULL
            ELSE approved_at END,
        listed_at = CASE NEW.transition WHEN 'list' THEN NEW.happened_at ELSE listed_at END,
        checked_at = CASE NEW.transition WHEN 'check' THEN NEW.happened_at ELSE checked_at END,
        doubted_at = CASE NEW.transition WHEN 'doubt' THEN NEW.happened_at WHEN 'keep' THEN NULL
            ELSE doubted_at END,
        ended_at = CASE WHEN NEW.transition IN ('free', 'lift') THEN NEW.happened_at ELSE ended_at END,
        outcome = CASE NEW.transition WHEN 'lift' THEN NEW.outcome WHEN 'free' THEN 'FREED' ELSE outcome END
    WHERE act_id = NEW.act_id;
    RETURN NULL;
END $$;
CREATE TRIGGER measures_blocking_taken AFTER INSERT ON casework_step
    FOR EACH ROW EXECUTE FUNCTION measures_blocking_taken();

CREATE TRIGGER measures_blocking_kept BEFORE DELETE ON measures_blocking
    FOR EACH ROW EXECUTE FUNCTION measures_append_only();
CREATE TRIGGER measures_blocking_whole BEFORE TRUNCATE ON measures_blocking
    FOR EACH STATEMENT EXECUTE FUNCTION measures_append_only();
CREATE TRIGGER measures_blocklist_kept BEFORE UPDATE OR DELETE ON measures_blocklist
    FOR EACH ROW EXECUTE FUNCTION measures_append_only();
CREATE TRIGGER measures_blocklist_whole BEFORE TRUNCATE ON measures_blocklist
    FOR EACH STATEMENT EXECUTE FUNCTION measures_append_only();

-- Expiry's own: the host of a blocking that has ended; returns the acts whose words may end too.
CREATE FUNCTION measures_erase_blockings(erased uuid[]) RETURNS SETOF uuid
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE measures_blocking b SET host = '' FROM casework_act a
        WHERE a.id = b.act_id AND a.id = ANY (erased) AND a.state IN ('LIFTED', 'WITHDRAWN') RETURNING b.act_id
$$;
"""
BACK = """
DROP TRIGGER measures_blocking_taken ON casework_step;
DROP TRIGGER measures_blocking_step ON casework_step;
DROP TRIGGER measures_blocking_read ON casework_document;
DROP TABLE measures_blocking, measures_blocklist, measures_protected_name;
DROP FUNCTION measures_erase_blockings, measures_blocking_taken, measures_blocking_step, measures_may_list,
    measures_blocking_read, measures_check_due, measures_name_protected, measures_name_refused;
"""


class Migration(migrations.Migration):
    """Written in SQL, like the other tables of measures (unmanaged models)."""

    dependencies = [("measures", "0010_deadline")]
    operations = [migrations.RunSQL(TABLES + NAMES + GUARDS, BACK)]
