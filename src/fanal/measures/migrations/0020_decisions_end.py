r"""Refuses every mirror under a court's decision whose early end a desk has recorded, and copies of other decisions.

The key of a decision is made of its court and number, so that case, blanks, invisible characters and marks
between digits make no other decision. `measures_blocking.decision_ended` is the SHA-256 of that key on an act
that was lifted with the decision: expiry leaves it. One advisory lock for each key puts the steps that apply
a mirror and the recording of that end one after the other; it is taken after the locks of acts.
"""

from importlib import import_module

from django.db import migrations

_MIRRORS: str = import_module("fanal.measures.migrations.0018_mirrors").GUARDS


def _function(name: str) -> str:
    """Return the statement that replaces a trigger's function of migration 0018 by itself."""
    body = _MIRRORS.partition(f"CREATE FUNCTION {name}(")[2].partition("END $$;\n")[0]
    return f"CREATE OR REPLACE FUNCTION {name}({body}END $$;\n"


_READ, _STEP = _function("measures_mirror_read"), _function("measures_mirror_step")
_KEY = r"lower(regexp_replace(btrim((court ->> 'court') || ' ' || (court ->> 'number')), '\s+', ' ', 'g'))"
_NEW_KEY = "measures_decision_key(court ->> 'court', court ->> 'number')"
_SAME = "coalesce(said ->> 'host' = court ->> 'service', true)"
_OVERLAP = """coalesce(measures_name_refused(court ->> 'service'), true)
        OR right('.' || (said ->> 'host'), length(court ->> 'service') + 1) = '.' || (court ->> 'service')
        OR right('.' || (court ->> 'service'), length(said ->> 'host') + 1) = '.' || (said ->> 'host')"""
_KNOWN = "    SELECT * INTO known FROM measures_blocking WHERE act_id = act.id;\n"
_ENDED = """    IF NEW.transition IN ('submit', 'vouch', 'list', 'confirm', 'check', 'keep')
        OR NEW.transition = 'lift' AND NEW.outcome = 'DECISION_ENDED' THEN
        PERFORM pg_advisory_xact_lock(hashtextextended(known.decision, 1296650834));  -- 0x4D495252
    END IF;
    IF NEW.transition IN ('submit', 'vouch', 'list', 'confirm', 'check', 'keep')
        AND measures_decision_over(act.desk_id, known.decision) THEN
        RAISE EXCEPTION 'the end of the decision of the court is recorded' USING ERRCODE = 'check_violation';
    END IF;
"""
_FILED = "    IF NEW.transition IN ('submit', 'list') AND (\n"
_BLANK, _PLAIN = "btrim(court ->> ", "measures_plain(court ->> "
_COPIED = """    IF NEW.transition IN ('submit', 'vouch', 'list') AND EXISTS (
        SELECT FROM casework_document WHERE act_id = act.id AND revision > act.revision) THEN
        RAISE EXCEPTION 'later bytes wait to be made the present ones' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.transition IN ('submit', 'list') AND NOT measures_decision_filed(act.id) THEN
        RAISE EXCEPTION 'the copy is that of the decision that the bytes name' USING ERRCODE = 'check_violation';
    END IF;
"""
KEYS = r"""
ALTER TABLE measures_blocking ADD COLUMN decision_ended text NOT NULL DEFAULT '';
CREATE INDEX measures_blocking_over ON measures_blocking (decision_ended) WHERE decision_ended <> '';

-- A text without case, accents and invisible characters, with one blank for each run of blanks and marks.
CREATE FUNCTION measures_plain(words text) RETURNS text LANGUAGE sql IMMUTABLE STRICT
    SET search_path = public, pg_temp AS $$
    SELECT btrim(regexp_replace(lower(regexp_replace(normalize(words, NFKD),
        '[\u0001-\u0008\u000e-\u001f\u007f-\u0084\u0086-\u009f\u00ad\u0300-\u036f\u061c\u115f\u1160\u17b4\u17b5'
        '\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb'
        '\U000e0000-\U000e0fff]', '', 'g')),
        '[\u0009-\u000d\u0020-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u007e\u0085\u00a0-\u00bf\u1680'
        '\u2010-\u2029\u2030-\u205e\u2212\u2215]+', ' ', 'g'))
$$;

-- The key of a court's decision; the bar parts court and number.
CREATE FUNCTION measures_decision_key(court text, number text) RETURNS text LANGUAGE sql IMMUTABLE STRICT
    SET search_path = public, pg_temp AS $$
    SELECT measures_plain(court) || ' | ' || measures_plain(number)
$$;

CREATE FUNCTION measures_decision_mark(decision text) RETURNS text LANGUAGE sql IMMUTABLE STRICT
    SET search_path = public, pg_temp AS $$
    SELECT encode(sha256(convert_to(decision, 'UTF8')), 'hex')
$$;

-- Whether a desk has recorded that the decision of a key ended before its day.
CREATE FUNCTION measures_decision_over(desk integer, decision_key text) RETURNS boolean LANGUAGE sql VOLATILE
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM measures_blocking b JOIN casework_act a ON a.id = b.act_id
        WHERE a.desk_id = desk AND b.decision_ended = measures_decision_mark(decision_key))
$$;

-- Whether the copy of a mirror's decision was filed while its bytes named the decision that they name now.
CREATE FUNCTION measures_decision_filed(mirror uuid) RETURNS boolean LANGUAGE sql VOLATILE
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM casework_step s
        JOIN casework_document d USING (act_id, revision)
        JOIN measures_blocking b USING (act_id),
        LATERAL (SELECT convert_from(d.content, 'UTF8')::jsonb #> '{mirror,decision}' AS court) said
        WHERE s.act_id = mirror AND s.transition = 'enforce'
          AND measures_decision_key(court ->> 'court', court ->> 'number') = b.decision)
$$;
"""
TAKEN = """
CREATE FUNCTION measures_mirror_taken() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE measures_blocking SET decision_ended = measures_decision_mark(decision)
        WHERE act_id = NEW.act_id AND removal_id IS NULL AND decision <> '';
    RETURN NULL;
END $$;
CREATE TRIGGER measures_mirror_taken AFTER INSERT ON casework_step
    FOR EACH ROW WHEN (NEW.transition = 'lift' AND NEW.outcome = 'DECISION_ENDED')
    EXECUTE FUNCTION measures_mirror_taken();

UPDATE measures_blocking b SET decision = measures_decision_key(court ->> 'court', court ->> 'number')
    FROM casework_act a JOIN casework_document d ON d.act_id = a.id AND d.revision = a.revision,
    LATERAL (SELECT convert_from(d.content, 'UTF8')::jsonb #> '{mirror,decision}' AS court) said
    WHERE a.id = b.act_id AND a.kind = 'mirror' AND b.decision <> '';
UPDATE measures_blocking SET decision_ended = measures_decision_mark(decision)
    WHERE removal_id IS NULL AND outcome = 'DECISION_ENDED' AND decision <> '';
"""
READ = _READ.replace(_KEY, _NEW_KEY).replace(_SAME, _OVERLAP).replace(_BLANK, _PLAIN)
STEP = _STEP.replace(_KNOWN, _KNOWN + _ENDED).replace(_FILED, _COPIED + _FILED)
BACK = """
DROP TRIGGER measures_mirror_taken ON casework_step;
DROP FUNCTION measures_mirror_taken, measures_decision_filed, measures_decision_over, measures_decision_mark,
    measures_decision_key, measures_plain;
DROP INDEX measures_blocking_over;
ALTER TABLE measures_blocking DROP COLUMN decision_ended;
"""


class Migration(migrations.Migration):
    """Keys of stored mirrors are made anew; ends whose texts have expired leave no mark."""

    dependencies = [("measures", "0019_addressees")]
    operations = [migrations.RunSQL(KEYS + READ + STEP + TAKEN, _READ + _STEP + BACK)]
