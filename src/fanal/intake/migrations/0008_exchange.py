"""Permits XARF reports, DSA article 18 notifications and COM(2022)209 reports as formats."""

from django.db import migrations

FORWARD = """
ALTER TABLE intake_report DROP CONSTRAINT intake_report_format;
ALTER TABLE intake_report ADD CONSTRAINT intake_report_format CHECK (
    format IN ('form/1', 'report/1', 'ncmec-xml', 'ncmec-json', 'vics', 'xarf', 'dsa-18', 'com-2022-209'));
"""

BACKWARD = """
ALTER TABLE intake_report DROP CONSTRAINT intake_report_format;
ALTER TABLE intake_report ADD CONSTRAINT intake_report_format CHECK (
    format IN ('form/1', 'report/1', 'ncmec-xml', 'ncmec-json', 'vics')) NOT VALID;
"""


class Migration(migrations.Migration):
    """Replaces one constraint of one table."""

    dependencies = [("intake", "0007_pressure")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
