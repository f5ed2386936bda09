"""Lets only supervisors with a role in force write annotations of charts, and expiry erase their texts.

An annotation ends when it is removed, or else after its last day, but never before the day on which it was
written.
"""

from django.db import migrations

FORWARD = """
CREATE FUNCTION statistics_annotation_guard() RETURNS trigger LANGUAGE plpgsql
    SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT accounts_acts(NEW.by_id, ARRAY['SUPERVISOR'], NULL, NEW.at, '{}') THEN
        RAISE EXCEPTION 'a supervisor in office annotates statistics' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER statistics_annotation_guard BEFORE INSERT ON statistics_annotation
    FOR EACH ROW EXECUTE FUNCTION statistics_annotation_guard();
CREATE TRIGGER statistics_annotation_end_guard BEFORE INSERT ON statistics_annotation_end
    FOR EACH ROW EXECUTE FUNCTION statistics_annotation_guard();

CREATE OR REPLACE TRIGGER statistics_annotation_append_only BEFORE UPDATE OR DELETE ON statistics_annotation
    FOR EACH ROW EXECUTE FUNCTION fanal_words_end('words');
CREATE FUNCTION statistics_erase_words(before timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    gone integer;
BEGIN
    PERFORM set_config('fanal.erasing', 'on', true);
    UPDATE statistics_annotation a SET words = '[…]'
        WHERE a.words <> '[…]' AND least(
            (SELECT e.at FROM statistics_annotation_end e WHERE e.annotation_id = a.id),
            greatest(a.at, (a.last + 1)::timestamp AT TIME ZONE 'Europe/Paris')) < before;
    GET DIAGNOSTICS gone = ROW_COUNT;
    PERFORM set_config('fanal.erasing', '', true);
    RETURN gone;
END
$$;
"""
BACKWARD = """
DROP FUNCTION statistics_erase_words;
CREATE OR REPLACE TRIGGER statistics_annotation_append_only BEFORE UPDATE OR DELETE ON statistics_annotation
    FOR EACH ROW EXECUTE FUNCTION accounts_append_only();
DROP TRIGGER statistics_annotation_end_guard ON statistics_annotation_end;
DROP TRIGGER statistics_annotation_guard ON statistics_annotation;
DROP FUNCTION statistics_annotation_guard;
"""


class Migration(migrations.Migration):
    """Written in SQL, like the other triggers; an earlier version's supervisors write as before."""

    dependencies = [("statistics", "0002_annotations"), ("accounts", "0031_words_end")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
