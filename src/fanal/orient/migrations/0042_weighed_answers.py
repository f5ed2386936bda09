"""Adds to each reporter's answer when the stages were asked to rank its report again; set only once."""

from django.db import migrations

SQL = """
ALTER TABLE orient_answer ADD COLUMN weighed_at timestamptz;
CREATE INDEX orient_answer_unweighed ON orient_answer (came_at) WHERE weighed_at IS NULL;

CREATE OR REPLACE FUNCTION orient_answer_guard() RETURNS trigger LANGUAGE plpgsql
    SET search_path = public, pg_temp AS $$
BEGIN
    IF (NEW.message_id, NEW.report_id, NEW.desk_id, NEW.came_at)
            IS DISTINCT FROM (OLD.message_id, OLD.report_id, OLD.desk_id, OLD.came_at)
            OR (NEW.read_at, NEW.read_by) IS DISTINCT FROM (OLD.read_at, OLD.read_by)
                AND (OLD.read_at IS NOT NULL OR NEW.read_at IS NULL)
            OR NEW.weighed_at IS DISTINCT FROM OLD.weighed_at AND OLD.weighed_at IS NOT NULL THEN
        RAISE EXCEPTION 'an answer is read once' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
"""
BACK = """
CREATE OR REPLACE FUNCTION orient_answer_guard() RETURNS trigger LANGUAGE plpgsql
    SET search_path = public, pg_temp AS $$
BEGIN
    IF OLD.read_at IS NOT NULL OR NEW.read_at IS NULL
            OR (NEW.message_id, NEW.report_id, NEW.desk_id, NEW.came_at)
            IS DISTINCT FROM (OLD.message_id, OLD.report_id, OLD.desk_id, OLD.came_at) THEN
        RAISE EXCEPTION 'an answer is read once' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
ALTER TABLE orient_answer DROP COLUMN weighed_at;
"""


class Migration(migrations.Migration):
    """Adds a column and its index, and replaces the trigger function of the table."""

    dependencies = [("orient", "0041_alarms_of_a_faster_clock")]
    operations = [migrations.RunSQL(SQL, BACK)]
