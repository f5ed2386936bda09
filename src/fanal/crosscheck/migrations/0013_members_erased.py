"""Takes erased reports out of the dossiers to which a later judgement had brought them back."""

from django.db import migrations

SWEEP = """
DELETE FROM crosscheck_membership m USING intake_report r WHERE r.id = m.report_id AND r.erased_at IS NOT NULL;
"""


class Migration(migrations.Migration):
    """Nothing brings them back: the dossiers are computed without erased reports."""

    dependencies = [("crosscheck", "0012_numbers")]
    operations = [migrations.RunSQL(SWEEP, migrations.RunSQL.noop)]
