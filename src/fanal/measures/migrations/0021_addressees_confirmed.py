"""Lets only those whose role allows it write and confirm addressees, and each name stand once.

What a second person confirms is now the whole version that leads measures to an address: kinds, name,
addresses, networks, domain names (`measures.addressees.records.DIRECTING`). A version whose domain names or
name had changed since its confirmation waits for one again; that is worked out at each reading.
"""

from django.db import migrations

SQL = """
CREATE FUNCTION measures_addressee_values(facts jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE
    SET search_path = public, pg_temp AS $$
    SELECT bool_and(CASE f ->> 'field'
            WHEN 'DOMAIN' THEN f ->> 'value' ~ '^([a-z0-9_-]+[.])+[a-z0-9-]+$'
            WHEN 'PREFIX' THEN f ->> 'value' ~ '^[0-9a-f:.]+/[0-9]+$'
            WHEN 'EMAIL' THEN f ->> 'value' !~ '[[:space:][:cntrl:]]'
            WHEN 'CONTACT_POINT' THEN f ->> 'value' !~ '[[:space:][:cntrl:]]'
            WHEN 'POSTAL' THEN true
            ELSE f ->> 'value' !~ '[[:cntrl:]]' END)
    FROM jsonb_array_elements(CASE jsonb_typeof(facts) WHEN 'array' THEN facts ELSE '[]' END) f
$$;

-- What is compared of a name, as `acts._key` does.
CREATE FUNCTION measures_addressee_key(facts jsonb) RETURNS text LANGUAGE sql IMMUTABLE
    SET search_path = public, pg_temp AS $$
    SELECT coalesce(nullif(harmonise_skeleton(f ->> 'value'), ''), lower(f ->> 'value'))
    FROM jsonb_array_elements(CASE jsonb_typeof(facts) WHEN 'array' THEN facts ELSE '[]' END) f
    WHERE f ->> 'field' = 'NAME' LIMIT 1
$$;
CREATE INDEX measures_addressee_by_key ON measures_addressee (measures_addressee_key(facts));

CREATE FUNCTION measures_addressee_allowed() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(1094992978);  -- 0x41444452
    IF NOT accounts_acts(NEW.author_id, ARRAY['SUPERVISOR', 'MEASURES_OFFICER'], NULL, NEW.written_at, '{}') THEN
        RAISE EXCEPTION 'this person may not write addressees' USING ERRCODE = 'check_violation';
    END IF;
    IF NOT measures_addressee_values(NEW.facts) THEN
        RAISE EXCEPTION 'a value of an addressee is not written as its kind is' USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (SELECT FROM measures_addressee a
        WHERE measures_addressee_key(a.facts) = measures_addressee_key(NEW.facts) AND a.id <> NEW.id
            AND NOT EXISTS (SELECT FROM measures_addressee n WHERE n.id = a.id AND n.version > a.version)) THEN
        RAISE EXCEPTION 'another addressee has this name' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER measures_addressee_allowed BEFORE INSERT ON measures_addressee
    FOR EACH ROW EXECUTE FUNCTION measures_addressee_allowed();

CREATE FUNCTION measures_addressee_second_allowed() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT accounts_acts(NEW.second_id, ARRAY['SUPERVISOR', 'MEASURES_OFFICER'], NULL, NEW.seconded_at, '{}') THEN
        RAISE EXCEPTION 'this person may not confirm addressees' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER measures_addressee_second_allowed BEFORE INSERT ON measures_addressee_second
    FOR EACH ROW EXECUTE FUNCTION measures_addressee_second_allowed();
"""
BACK = """
DROP TRIGGER measures_addressee_second_allowed ON measures_addressee_second;
DROP TRIGGER measures_addressee_allowed ON measures_addressee;
DROP INDEX measures_addressee_by_key;
DROP FUNCTION measures_addressee_second_allowed, measures_addressee_allowed, measures_addressee_key,
    measures_addressee_values;
"""


class Migration(migrations.Migration):
    """Triggers check new rows only; stored rows stay as they are."""

    dependencies = [
        ("measures", "0020_decisions_end"),
        ("accounts", "0020_no_act_ahead"),
        ("harmonise", "0007_written_otherwise"),
    ]
    operations = [migrations.RunSQL(SQL, BACK)]
