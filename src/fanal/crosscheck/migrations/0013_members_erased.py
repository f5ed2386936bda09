"""Removes erased reports from the dossiers to which a judgement after the erasure had added them again."""

from django.db import migrations

SWEEP = """
DELETE FROM crosscheck_membership m USING intake_report r WHERE r.id = m.report_id AND r.erased_at IS NOT NULL;
"""


class Migration(migrations.Migration):
    """Reversing does not add them again: dossiers are computed without erased reports."""

    dependencies = [("crosscheck", "0012_numbers")]
    operations = [migrations.RunSQL(SWEEP, migrations.RunSQL.noop)]
