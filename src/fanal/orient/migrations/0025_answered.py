"""Keeps an acknowledgement from locking the alarm's call, which would hide the call until the commit."""

from django.db import migrations

FORWARD = """
DROP TRIGGER orient_alarm_answered ON orient_alarm;
DROP FUNCTION orient_end_calls;
"""
BACK = """
CREATE FUNCTION orient_end_calls() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE orient_call SET outcome = 'ANSWERED', ended_at = NEW.acknowledged_at
    WHERE alarm_id = NEW.id AND outcome IS NULL;
    RETURN NULL;
END
$$;
CREATE TRIGGER orient_alarm_answered AFTER UPDATE OF acknowledged_at ON orient_alarm FOR EACH ROW
    WHEN (OLD.acknowledged_at IS NULL AND NEW.acknowledged_at IS NOT NULL)
    EXECUTE FUNCTION orient_end_calls();
"""


class Migration(migrations.Migration):
    """The process that sends calls ends those of acknowledged alarms itself (`operations.end_answered`)."""

    dependencies = [("orient", "0024_moves")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
