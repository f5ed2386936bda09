"""Deletes the reasons of judgements on erased reports, and of those that undo such judgements."""

from django.db import migrations

SWEEP = """
DELETE FROM crosscheck_reason r WHERE EXISTS (
    SELECT FROM intake_report p
    WHERE p.id = ANY (crosscheck_judged(r.judgement_id)) AND p.erased_at IS NOT NULL);
"""


class Migration(migrations.Migration):
    """An UNDO names no report, so erasures had left its reason. Reversing does not restore the texts."""

    dependencies = [("crosscheck", "0010_not_ahead"), ("intake", "0036_answers_of_erased")]
    operations = [migrations.RunSQL(SWEEP, migrations.RunSQL.noop)]
