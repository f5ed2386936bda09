"""Permits that an alarm is acknowledged or escalated at a time before it was raised, since clocks differ."""

from django.db import migrations

SQL = "ALTER TABLE orient_alarm DROP CONSTRAINT orient_alarm_order"
BACK = """
ALTER TABLE orient_alarm ADD CONSTRAINT orient_alarm_order CHECK (
    (escalated_at IS NULL OR escalated_at >= raised_at)
    AND (acknowledged_at IS NULL OR acknowledged_at >= raised_at)) NOT VALID
"""


class Migration(migrations.Migration):
    """Drops a CHECK, by which no one could acknowledge an alarm raised by a clock that was ahead."""

    dependencies = [("orient", "0040_answers")]
    operations = [migrations.RunSQL(SQL, BACK)]
