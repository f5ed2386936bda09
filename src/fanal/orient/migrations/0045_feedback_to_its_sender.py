"""Refuses feedback on a report unless it is addressed to the report's sender and comes from its desk."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION orient_feedback_to_sender() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM orient_case c WHERE c.report_id = NEW.report_id
                   AND (c.desk_id, c.sender_id) = (NEW.desk_id, NEW.sender_id)) THEN
        RAISE EXCEPTION 'feedback on a report is for its sender' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER orient_feedback_to_sender BEFORE INSERT ON orient_feedback FOR EACH ROW
    EXECUTE FUNCTION orient_feedback_to_sender();
"""
BACK = """
DROP TRIGGER orient_feedback_to_sender ON orient_feedback;
DROP FUNCTION orient_feedback_to_sender;
"""


class Migration(migrations.Migration):
    """Adds a trigger to one table."""

    dependencies = [("orient", "0044_feedback_withdrawn")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
