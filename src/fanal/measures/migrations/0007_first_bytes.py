"""Refuses a second revision of a measure whose first was not read: its host could be compared with none."""

from django.db import migrations

FORWARD = """
CREATE OR REPLACE FUNCTION measures_document_read() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    act casework_act;
    asked jsonb;
BEGIN
    SELECT * INTO act FROM casework_act WHERE id = NEW.act_id AND kind = 'measure';
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    BEGIN
        asked := convert_from(NEW.content, 'UTF8')::jsonb -> 'request';
    EXCEPTION WHEN data_exception THEN
        asked := NULL;
    END;
    IF (asked ->> 'measure_id', asked ->> 'revision') IS DISTINCT FROM (NEW.act_id::text, NEW.revision::text)
        OR num_nulls(asked ->> 'host', asked ->> 'kind') > 0
        OR (NEW.revision > 1 AND NOT EXISTS (SELECT FROM measures_request WHERE act_id = NEW.act_id))
        OR EXISTS (SELECT FROM measures_request
            WHERE act_id = NEW.act_id AND (host, kind) <> (asked ->> 'host', asked ->> 'kind')) THEN
        RAISE EXCEPTION 'the bytes of a measure name its host, its id and its revision'
            USING ERRCODE = 'check_violation';
    END IF;
    INSERT INTO measures_request (act_id, kind, host, digest, author_id, created_at)
        SELECT act.id, asked ->> 'kind', asked ->> 'host', NEW.digest, NEW.author_id, act.created_at
        WHERE NEW.revision = 1;
    RETURN NULL;
END $$;
"""
BACK = """
CREATE OR REPLACE FUNCTION measures_document_read() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    act casework_act;
    asked jsonb;
BEGIN
    SELECT * INTO act FROM casework_act WHERE id = NEW.act_id AND kind = 'measure';
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    BEGIN
        asked := convert_from(NEW.content, 'UTF8')::jsonb -> 'request';
    EXCEPTION WHEN data_exception THEN
        asked := NULL;
    END;
    IF (asked ->> 'measure_id', asked ->> 'revision') IS DISTINCT FROM (NEW.act_id::text, NEW.revision::text)
        OR num_nulls(asked ->> 'host', asked ->> 'kind') > 0
        OR EXISTS (SELECT FROM measures_request
            WHERE act_id = NEW.act_id AND (host, kind) <> (asked ->> 'host', asked ->> 'kind')) THEN
        RAISE EXCEPTION 'the bytes of a measure name its host, its id and its revision'
            USING ERRCODE = 'check_violation';
    END IF;
    INSERT INTO measures_request (act_id, kind, host, digest, author_id, created_at)
        SELECT act.id, asked ->> 'kind', asked ->> 'host', NEW.digest, NEW.author_id, act.created_at
        WHERE NEW.revision = 1;
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    """Replaces the function of `0006_casework`."""

    dependencies = [("measures", "0006_casework")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
