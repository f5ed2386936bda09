"""Deletes the reasons of decisions on erased reports, and takes erased reports out of the queue."""

from django.db import migrations

SWEEP = """
DELETE FROM orient_reason r USING orient_decision d, intake_report p
    WHERE d.id = r.decision_id AND p.id = d.report_id AND p.erased_at IS NOT NULL;
UPDATE orient_case c SET state = 'EXPIRED', head_id = NULL, claimed_by = NULL, lease_until = NULL
    FROM intake_report p
    WHERE p.id = c.report_id AND p.erased_at IS NOT NULL AND c.state IN ('TO_ASSESS', 'CLAIMED', 'FOLDED');
"""


class Migration(migrations.Migration):
    """Before, a report could be decided during its erasure. Reversing does not restore the texts."""

    dependencies = [("orient", "0048_row_facts_of_old_rows"), ("intake", "0036_answers_of_erased")]
    operations = [migrations.RunSQL(SWEEP, migrations.RunSQL.noop)]
