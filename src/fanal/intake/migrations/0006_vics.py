"""Permits VICS cases (Video Image Classification Standard) as a format of reports."""

from django.db import migrations

FORWARD = """
ALTER TABLE intake_report DROP CONSTRAINT intake_report_format;
ALTER TABLE intake_report ADD CONSTRAINT intake_report_format CHECK (
    format IN ('form/1', 'report/1', 'ncmec-xml', 'ncmec-json', 'vics'));
"""

BACKWARD = """
ALTER TABLE intake_report DROP CONSTRAINT intake_report_format;
ALTER TABLE intake_report ADD CONSTRAINT intake_report_format CHECK (
    format IN ('form/1', 'report/1', 'ncmec-xml', 'ncmec-json')) NOT VALID;
"""


class Migration(migrations.Migration):
    """Replaces one constraint of one table."""

    dependencies = [("intake", "0005_earlier_details")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
