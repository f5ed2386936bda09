"""Creates the function that erases addresses and texts of measures; the rows stay."""

from django.db import migrations

_WORDS = {
    "measures_approval": ("reason", "warnings"),
    "measures_step": ("cause", "proof", "warnings"),
    "measures_recommendation": ("words",),
    "measures_answer": ("words",),
    "measures_target": (),
}


def _guards(function: str, *, words: bool) -> str:
    return "\n".join(
        f"CREATE OR REPLACE TRIGGER {table}_frozen BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW"
        f" EXECUTE FUNCTION {function}({', '.join(map(repr, columns)) if words else ''});"
        for table, columns in _WORDS.items()
    )


FORWARD = """
ALTER TABLE measures_measure ADD COLUMN erased_at timestamptz,
    DROP CONSTRAINT measures_measure_digest,
    ADD CONSTRAINT measures_measure_digest CHECK (CASE WHEN erased_at IS NULL
        THEN digest = sha256(request) ELSE request = '' AND host = '' END);
CREATE INDEX measures_measure_kept ON measures_measure (id) WHERE erased_at IS NULL;

-- The digest of an emptied request stays: who holds the letter can still prove that it is the one.
CREATE OR REPLACE TRIGGER measures_measure_guard BEFORE INSERT OR UPDATE ON measures_measure
    FOR EACH ROW WHEN (NEW.erased_at IS NULL) EXECUTE FUNCTION measures_guard();
CREATE TRIGGER measures_measure_ends BEFORE INSERT OR UPDATE ON measures_measure
    FOR EACH ROW WHEN (NEW.erased_at IS NOT NULL)
    EXECUTE FUNCTION fanal_words_end('request', 'host', 'erased_at');

CREATE FUNCTION measures_erase_words(erased uuid[], at timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    hosts text[];
    gone integer;
BEGIN
    PERFORM set_config('fanal.erasing', 'on', true);
    SELECT array_agg(DISTINCT host) INTO hosts FROM measures_measure WHERE id = ANY (erased);
    UPDATE measures_approval SET reason = CASE reason WHEN '' THEN '' ELSE '[…]' END, warnings = '[]'
        WHERE measure_id = ANY (erased);
    UPDATE measures_step SET cause = CASE cause WHEN '' THEN '' ELSE '[…]' END,
        proof = CASE proof WHEN '' THEN '' ELSE '[…]' END, warnings = '[]'
        WHERE measure_id = ANY (erased);
    UPDATE measures_answer a SET words = '[…]' FROM measures_recommendation r
        WHERE r.id = a.recommendation_id AND r.measure_id = ANY (erased);
    UPDATE measures_recommendation SET words = '[…]' WHERE measure_id = ANY (erased);
    DELETE FROM measures_target WHERE measure_id = ANY (erased);
    UPDATE measures_measure SET request = '', host = '', erased_at = at
        WHERE id = ANY (erased) AND erased_at IS NULL;
    GET DIAGNOSTICS gone = ROW_COUNT;
    DELETE FROM measures_contact c WHERE c.host = ANY (hosts)
        AND NOT EXISTS (SELECT FROM measures_measure m WHERE m.host = c.host);
    PERFORM set_config('fanal.erasing', '', true);
    RETURN gone;
END
$$;
"""
BACKWARD = """
DROP FUNCTION measures_erase_words;
DROP TRIGGER measures_measure_ends ON measures_measure;
CREATE OR REPLACE TRIGGER measures_measure_guard BEFORE INSERT OR UPDATE ON measures_measure
    FOR EACH ROW EXECUTE FUNCTION measures_guard();
ALTER TABLE measures_measure DROP CONSTRAINT measures_measure_digest, DROP COLUMN erased_at;
ALTER TABLE measures_measure ADD CONSTRAINT measures_measure_digest CHECK (digest = sha256(request));
"""


class Migration(migrations.Migration):
    """Written in SQL, like the other tables of measures (unmanaged models)."""

    dependencies = [("measures", "0003_warnings"), ("accounts", "0008_expiry")]
    operations = [
        migrations.RunSQL(
            FORWARD + _guards("fanal_words_end", words=True),
            _guards("measures_append_only", words=False) + BACKWARD,
        )
    ]
