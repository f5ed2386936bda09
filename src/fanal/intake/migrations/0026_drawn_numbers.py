"""Checks that a public node's report gets the wire number that its own session has just drawn."""

from django.db import migrations

# Any number that was given out would be taken from the partner who drew it. What a session drew last is its
# own to know; one that drew none is refused.
FORWARD = """
CREATE OR REPLACE FUNCTION intake_wire_bounds() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    drawn bigint;
BEGIN
    BEGIN
        drawn := currval('intake_wire_id_seq');
    EXCEPTION WHEN object_not_in_prerequisite_state THEN
        drawn := NULL;
    END;
    IF NEW.wire_id IS DISTINCT FROM drawn OR NOT EXISTS (
        SELECT FROM intake_report r WHERE r.id = NEW.report_id AND r.sender_id = NEW.sender_id
          AND r.wire_id = NEW.wire_id AND r.arrival = 'WIRE') THEN
        RAISE EXCEPTION 'a wire number is that of its report' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
"""
BACK = """
CREATE OR REPLACE FUNCTION intake_wire_bounds() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.wire_id > (SELECT last_value FROM intake_wire_id_seq) OR NOT EXISTS (
        SELECT FROM intake_report r WHERE r.id = NEW.report_id AND r.sender_id = NEW.sender_id
          AND r.wire_id = NEW.wire_id) THEN
        RAISE EXCEPTION 'a wire number is that of its report' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
"""


class Migration(migrations.Migration):
    """Replaces the function of `0014_node_bounds`."""

    dependencies = [("intake", "0025_few_at_once")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
