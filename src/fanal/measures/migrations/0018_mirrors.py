"""Adds the blockings of mirrors to those of measures: on a court's decision, for as long as that lasts.

Such an act (kind `mirror`, LCEN article 6-4) rests on no removal request. Its bytes state the decision, its
first and last day; the copy of the decision and the evidence of the resemblance are files or words of steps.
No step that applies a mirror is taken once the decision has ended, at midnight in Paris.
"""

from importlib import import_module

from django.db import migrations

_FIRST: str = import_module("fanal.measures.migrations.0011_blocking").GUARDS
_REQUESTS_END = import_module("fanal.measures.migrations.0013_requests_end")


_STEP: str = import_module("fanal.measures.migrations.0012_doubts_end").STEP.replace(
    _REQUESTS_END._END, _REQUESTS_END._REMOVAL + _REQUESTS_END._END
)
STEP = _STEP.replace("kind = 'blocking'", "kind IN ('blocking', 'mirror')")
_NAMED, _ENDS = "CREATE FUNCTION measures_may_list(", "END $$;\n"
_BODY = _FIRST.partition(_NAMED)[2].partition(_ENDS)[0]
_MAY_LIST = f"CREATE OR REPLACE FUNCTION measures_may_list({_BODY}{_ENDS}"
_RESTS = """    IF removal IS NULL OR removal IN ('SUSPENDED', 'EXECUTED', 'LIFTED', 'WITHDRAWN', 'ANNULLED')
        OR NOT EXISTS"""
_RESTS_OR_MIRROR = """    IF known.ground <> 'MIRROR' AND (removal IS NULL
            OR removal IN ('SUSPENDED', 'EXECUTED', 'LIFTED', 'WITHDRAWN', 'ANNULLED'))
        OR NOT EXISTS"""
_UNEXECUTED = "    IF known.ground = 'UNEXECUTED' THEN"
_DECIDED = """    IF known.ground = 'MIRROR' THEN
        RETURN coalesce(happened >= known.decision_from AND happened < known.decision_ends_at, false);
    END IF;
"""
MAY_LIST = _MAY_LIST.replace(_RESTS, _RESTS_OR_MIRROR).replace(_UNEXECUTED, _DECIDED + _UNEXECUTED)
COLUMNS = """
ALTER TABLE measures_blocking
    ALTER COLUMN removal_id DROP NOT NULL,
    ADD COLUMN decision text NOT NULL DEFAULT '',
    ADD COLUMN decision_from timestamptz,
    ADD COLUMN decision_ends_at timestamptz,
    DROP CONSTRAINT measures_blocking_ground,
    ADD CONSTRAINT measures_blocking_ground CHECK (CASE WHEN removal_id IS NULL
        THEN ground = 'MIRROR' AND decision_from < decision_ends_at AND decision_ends_at IS NOT NULL
        ELSE ground IN ('UNEXECUTED', 'NO_MENTIONS') AND decision_ends_at IS NULL END);
CREATE INDEX measures_blocking_decided ON measures_blocking (decision) WHERE removal_id IS NULL;
"""

GUARDS = """
-- As kernel.calendar.end_of_day and start_of_day: midnight in Paris.
CREATE FUNCTION measures_midnight(day date) RETURNS timestamptz LANGUAGE sql IMMUTABLE
    SET search_path = public, pg_temp AS $$
    SELECT day::timestamp AT TIME ZONE 'Europe/Paris'
$$;

-- The bytes of a mirror name its act, their revision, its one host, and a court's decision with its days.
CREATE FUNCTION measures_mirror_read() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    act casework_act;
    said jsonb;
    court jsonb;
    days date[];
BEGIN
    SELECT * INTO act FROM casework_act WHERE id = NEW.act_id AND kind = 'mirror';
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    BEGIN
        said := convert_from(NEW.content, 'UTF8')::jsonb -> 'mirror';
        court := said -> 'decision';
        days := ARRAY[(court ->> 'ruled_on')::date, (court ->> 'enforceable_on')::date, (court ->> 'ends_on')::date];
    EXCEPTION WHEN data_exception THEN
        said := NULL;
    END;
    IF (said ->> 'act_id', said ->> 'revision') IS DISTINCT FROM (NEW.act_id::text, NEW.revision::text)
        OR coalesce(measures_name_refused(said ->> 'host'), true)
        OR coalesce(said ->> 'host' = court ->> 'service', true)
        OR coalesce(btrim(court ->> 'court') = '' OR btrim(court ->> 'number') = '', true)
        OR NOT coalesce(days[1] >= '2000-01-01' AND days[1] <= days[2] AND days[2] <= days[3]
            AND days[3] < '9999-01-01', false)
        OR EXISTS (SELECT FROM measures_blocking b WHERE b.act_id = NEW.act_id AND host <> said ->> 'host') THEN
        RAISE EXCEPTION 'the bytes of a mirror name its act, its host and a decision with its days'
            USING ERRCODE = 'check_violation';
    END IF;
    INSERT INTO measures_blocking (act_id, host, ground, decision, decision_from, decision_ends_at)
        VALUES (act.id, said ->> 'host', 'MIRROR',
            lower(regexp_replace(btrim((court ->> 'court') || ' ' || (court ->> 'number')), '\\s+', ' ', 'g')),
            measures_midnight(days[2]), measures_midnight(days[3] + 1))
        ON CONFLICT (act_id) DO UPDATE SET decision = excluded.decision,
            decision_from = excluded.decision_from, decision_ends_at = excluded.decision_ends_at;
    RETURN NULL;
END $$;
CREATE TRIGGER measures_mirror_read AFTER INSERT ON casework_document
    FOR EACH ROW EXECUTE FUNCTION measures_mirror_read();

-- What a mirror needs that a blocking does not.
CREATE FUNCTION measures_mirror_step() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    act casework_act;
    known measures_blocking;
BEGIN
    SELECT * INTO act FROM casework_act WHERE id = NEW.act_id AND kind = 'mirror';
    IF NOT FOUND THEN
        RETURN NEW;
    END IF;
    SELECT * INTO known FROM measures_blocking WHERE act_id = act.id;
    IF NEW.transition IN ('submit', 'vouch', 'list', 'confirm', 'check', 'keep')
        AND greatest(NEW.recorded_at, NEW.happened_at) >= known.decision_ends_at THEN
        RAISE EXCEPTION 'the decision of the court has ended' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.transition = 'list' AND NEW.happened_at < known.decision_from THEN
        RAISE EXCEPTION 'the decision of the court is not enforceable yet' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.transition = 'enforce' AND NEW.proof_object IS NULL THEN
        RAISE EXCEPTION 'the copy of the decision is its proof' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.transition IN ('submit', 'list') AND (
        NOT EXISTS (SELECT FROM casework_step WHERE act_id = act.id AND transition = 'enforce')
        OR NOT EXISTS (SELECT FROM casework_step WHERE act_id = act.id AND transition = 'compare')) THEN
        RAISE EXCEPTION 'a mirror needs the copy of the decision, and evidence' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
-- Its name puts it after measures_blocking_step, which dates the step.
CREATE TRIGGER measures_mirror_step BEFORE INSERT ON casework_step
    FOR EACH ROW EXECUTE FUNCTION measures_mirror_step();

CREATE OR REPLACE FUNCTION measures_erase_blockings(erased uuid[]) RETURNS SETOF uuid
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE measures_blocking b SET host = '', decision = '' FROM casework_act a
        WHERE a.id = b.act_id AND a.id = ANY (erased) AND a.state IN ('LIFTED', 'WITHDRAWN') RETURNING b.act_id
$$;
"""
BACK = """
DROP TRIGGER measures_mirror_step ON casework_step;
DROP TRIGGER measures_mirror_read ON casework_document;
DROP FUNCTION measures_mirror_step, measures_mirror_read, measures_midnight;
DROP INDEX measures_blocking_decided;
ALTER TABLE measures_blocking
    DROP CONSTRAINT measures_blocking_ground,
    ADD CONSTRAINT measures_blocking_ground CHECK (ground IN ('UNEXECUTED', 'NO_MENTIONS')),
    ALTER COLUMN removal_id SET NOT NULL,
    DROP COLUMN decision,
    DROP COLUMN decision_from,
    DROP COLUMN decision_ends_at;
CREATE OR REPLACE FUNCTION measures_erase_blockings(erased uuid[]) RETURNS SETOF uuid
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE measures_blocking b SET host = '' FROM casework_act a
        WHERE a.id = b.act_id AND a.id = ANY (erased) AND a.state IN ('LIFTED', 'WITHDRAWN') RETURNING b.act_id
$$;
"""


class Migration(migrations.Migration):
    """Reversible while no mirror is stored."""

    dependencies = [("measures", "0017_appeals")]
    operations = [
        migrations.RunSQL(COLUMNS + MAY_LIST + STEP + GUARDS, _MAY_LIST + _STEP + BACK)
    ]
