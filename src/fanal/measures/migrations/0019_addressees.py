"""Creates the directory of addressees of measures: versions with all their facts, confirmed by a second person.

Rows never change. A version is confirmed while it is the newest, by a person who wrote none of those since
the last confirmation: otherwise somebody could confirm their own address once another person had changed a
network.
"""

from django.db import migrations

SQL = """
CREATE FUNCTION measures_addressee_facts(facts jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE
    SET search_path = public, pg_temp AS $$
    SELECT CASE WHEN jsonb_typeof(facts) <> 'array' THEN false ELSE (
        SELECT count(*) FILTER (WHERE f ->> 'field' = 'NAME') = 1
            AND count(*) FILTER (WHERE f ->> 'field' = 'KIND') BETWEEN 1 AND 7
            AND count(DISTINCT (f ->> 'field', f ->> 'value')) = count(*)
            AND bool_and(coalesce(f ->> 'field' IN ('KIND', 'NAME', 'OTHER_NAME', 'CONTACT_POINT', 'EMAIL',
                    'POSTAL', 'USER_POINT', 'LANGUAGE', 'TERRITORY', 'AS_NUMBER', 'PREFIX', 'DOMAIN')
                AND (jsonb_typeof(f -> 'value'), jsonb_typeof(f -> 'source')) = ('string', 'string')
                AND length(btrim(f ->> 'value')) BETWEEN 1 AND 500
                AND length(btrim(f ->> 'source')) BETWEEN 1 AND 300
                AND CASE WHEN f ->> 'dated_on' ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$'
                    THEN make_date(left(f ->> 'dated_on', 4)::integer, substr(f ->> 'dated_on', 6, 2)::integer,
                        right(f ->> 'dated_on', 2)::integer) IS NOT NULL END
                AND jsonb_typeof(f -> 'checked') = 'boolean', false))
        FROM jsonb_array_elements(facts) f) END
$$;

CREATE TABLE measures_addressee (
    id uuid NOT NULL,
    version integer NOT NULL,
    closed boolean NOT NULL,
    facts jsonb NOT NULL,
    author_id uuid NOT NULL,
    written_at timestamptz NOT NULL,
    db_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT measures_addressee_pkey PRIMARY KEY (id, version),
    CONSTRAINT measures_addressee_author FOREIGN KEY (author_id) REFERENCES accounts_person (id),
    CONSTRAINT measures_addressee_version CHECK (version >= 1),
    CONSTRAINT measures_addressee_facts CHECK (measures_addressee_facts(facts)),
    CONSTRAINT measures_addressee_by_a_person CHECK (author_id NOT IN
        ('00000000-0000-7000-8000-000000000001', '00000000-0000-7000-8000-000000000002'))
);

CREATE TABLE measures_addressee_second (
    addressee_id uuid NOT NULL,
    version integer NOT NULL,
    second_id uuid NOT NULL,
    seconded_at timestamptz NOT NULL,
    db_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT measures_addressee_second_pkey PRIMARY KEY (addressee_id, version),
    CONSTRAINT measures_addressee_second_of FOREIGN KEY (addressee_id, version)
        REFERENCES measures_addressee (id, version),
    CONSTRAINT measures_addressee_second_person FOREIGN KEY (second_id) REFERENCES accounts_person (id),
    CONSTRAINT measures_addressee_second_by_a_person CHECK (second_id NOT IN
        ('00000000-0000-7000-8000-000000000001', '00000000-0000-7000-8000-000000000002'))
);

-- The lock, that of the program, puts versions and confirmations one after the other.
CREATE FUNCTION measures_addressee_next() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    last measures_addressee;
BEGIN
    PERFORM pg_advisory_xact_lock(1094992978);  -- 0x41444452
    SELECT * INTO last FROM measures_addressee WHERE id = NEW.id ORDER BY version DESC LIMIT 1;
    IF NEW.version <> coalesce(last.version, 0) + 1 OR NEW.written_at < last.written_at THEN
        RAISE EXCEPTION 'version % of an addressee does not follow %', NEW.version, coalesce(last.version, 0)
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER measures_addressee_next BEFORE INSERT ON measures_addressee
    FOR EACH ROW EXECUTE FUNCTION measures_addressee_next();

CREATE FUNCTION measures_addressee_confirmed() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    newest measures_addressee;
BEGIN
    PERFORM pg_advisory_xact_lock(1094992978);
    SELECT * INTO newest FROM measures_addressee WHERE id = NEW.addressee_id ORDER BY version DESC LIMIT 1;
    IF NOT FOUND THEN
        RETURN NEW;  -- the foreign key says it
    END IF;
    IF NEW.version <> newest.version OR newest.closed OR NEW.seconded_at < newest.written_at THEN
        RAISE EXCEPTION 'this version of an addressee does not wait for a second person'
            USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (SELECT FROM measures_addressee a
        WHERE a.id = NEW.addressee_id AND a.author_id = NEW.second_id
            AND a.version > coalesce((SELECT max(s.version) FROM measures_addressee_second s
                WHERE s.addressee_id = NEW.addressee_id), 0)) THEN
        RAISE EXCEPTION 'nobody confirms an address of their own' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER measures_addressee_confirmed BEFORE INSERT ON measures_addressee_second
    FOR EACH ROW EXECUTE FUNCTION measures_addressee_confirmed();

CREATE TRIGGER measures_addressee_kept BEFORE UPDATE OR DELETE ON measures_addressee
    FOR EACH ROW EXECUTE FUNCTION measures_append_only();
CREATE TRIGGER measures_addressee_whole BEFORE TRUNCATE ON measures_addressee
    FOR EACH STATEMENT EXECUTE FUNCTION measures_append_only();
CREATE TRIGGER measures_addressee_second_kept BEFORE UPDATE OR DELETE ON measures_addressee_second
    FOR EACH ROW EXECUTE FUNCTION measures_append_only();
CREATE TRIGGER measures_addressee_second_whole BEFORE TRUNCATE ON measures_addressee_second
    FOR EACH STATEMENT EXECUTE FUNCTION measures_append_only();
"""
BACK = """
DROP TABLE measures_addressee_second, measures_addressee;
DROP FUNCTION measures_addressee_confirmed, measures_addressee_next, measures_addressee_facts;
"""


class Migration(migrations.Migration):
    """Written in SQL, like the other tables of measures (unmanaged models)."""

    dependencies = [("measures", "0018_mirrors")]
    operations = [migrations.RunSQL(SQL, BACK)]
