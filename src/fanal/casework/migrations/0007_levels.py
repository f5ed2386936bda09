"""Refuses an official act with a level that no deadline knows: no page could show the inbox with it."""

from django.db import migrations

SQL = """
ALTER TABLE casework_act ADD CONSTRAINT casework_act_level
    CHECK (level IN ('DANGER', 'HIGH', 'NORMAL', 'LOW')) NOT VALID
"""
BACK = "ALTER TABLE casework_act DROP CONSTRAINT casework_act_level"


class Migration(migrations.Migration):
    """Checks new rows; stored ones come from reports and have one of these levels."""

    dependencies = [("casework", "0006_inbox")]
    operations = [migrations.RunSQL(SQL, BACK)]
