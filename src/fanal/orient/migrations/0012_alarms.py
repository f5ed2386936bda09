"""Adds the indexes that the worker reads every two seconds: alarms to escalate, to call for, to call for again."""

from django.db import migrations

FORWARD = """
CREATE INDEX orient_alarm_to_escalate ON orient_alarm (raised_at)
    WHERE acknowledged_at IS NULL AND escalated_at IS NULL;
CREATE INDEX orient_alarm_to_call ON orient_alarm (raised_at)
    WHERE acknowledged_at IS NULL AND called_at IS NULL;
CREATE INDEX orient_alarm_to_call_again ON orient_alarm (raised_at)
    WHERE acknowledged_at IS NULL AND called_again_at IS NULL AND escalated_at IS NOT NULL;
"""
BACKWARD = "DROP INDEX orient_alarm_to_escalate, orient_alarm_to_call, orient_alarm_to_call_again"


class Migration(migrations.Migration):
    """Written in SQL, like the package's other tables (unmanaged models)."""

    dependencies = [("orient", "0011_streams")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
