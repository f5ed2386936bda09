"""Permits files of money-transfer operators and ISO 20022 messages as formats of reports."""

from django.db import migrations

FORWARD = """
ALTER TABLE intake_report DROP CONSTRAINT intake_report_format;
ALTER TABLE intake_report ADD CONSTRAINT intake_report_format CHECK (
    format IN ('form/1', 'report/1', 'ncmec-xml', 'ncmec-json', 'vics', 'xarf', 'dsa-18', 'com-2022-209',
        'transfers', 'pacs.008', 'camt.053'));
"""

BACKWARD = """
ALTER TABLE intake_report DROP CONSTRAINT intake_report_format;
ALTER TABLE intake_report ADD CONSTRAINT intake_report_format CHECK (
    format IN ('form/1', 'report/1', 'ncmec-xml', 'ncmec-json', 'vics', 'xarf', 'dsa-18', 'com-2022-209'))
    NOT VALID;
"""


class Migration(migrations.Migration):
    """Replaces one constraint of one table."""

    dependencies = [("intake", "0009_computed_facts")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
