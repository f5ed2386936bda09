"""Lets an alarm be answered that was raised ahead of this moment: clocks differ, and are set back."""

from django.db import migrations

SQL = "ALTER TABLE orient_alarm DROP CONSTRAINT orient_alarm_order"
BACK = """
ALTER TABLE orient_alarm ADD CONSTRAINT orient_alarm_order CHECK (
    (escalated_at IS NULL OR escalated_at >= raised_at)
    AND (acknowledged_at IS NULL OR acknowledged_at >= raised_at)) NOT VALID
"""


class Migration(migrations.Migration):
    """A CHECK of two instants of a row refuses the second as long as the first lies ahead."""

    dependencies = [("orient", "0040_answers")]
    operations = [migrations.RunSQL(SQL, BACK)]
