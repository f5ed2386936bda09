"""Adds the reason for lifting a legal hold; holds lifted earlier have none."""

from django.db import migrations

FORWARD = """
ALTER TABLE intake_hold ADD COLUMN lift_motive text NOT NULL DEFAULT '';
ALTER TABLE intake_hold ADD CONSTRAINT intake_hold_lift_motive
    CHECK (lifted_at IS NOT NULL OR lift_motive = '');
"""


class Migration(migrations.Migration):
    """Written in SQL, like the package's other tables (unmanaged models)."""

    dependencies = [("intake", "0010_transfers")]
    operations = [
        migrations.RunSQL(FORWARD, "ALTER TABLE intake_hold DROP COLUMN lift_motive;")
    ]
