"""Stores reports with each decision that ends a withholding, so that its reason expires with them.

Such a decision was stored without reports, so that no erasure found its reason. It gets the reports that the
withholding had, and those now in the dossier. Its reason is erased if one of these reports is erased, if
there are none, or after the six years of `FR_RETENTION_DECISION_REASON`.
"""

from django.db import migrations

SQL = """
ALTER TABLE deconfliction_withholding DISABLE TRIGGER deconfliction_withholding_stays;
UPDATE deconfliction_withholding w SET report_ids = ARRAY(
        SELECT held.id FROM deconfliction_withholding b CROSS JOIN unnest(b.report_ids) AS held (id)
        WHERE b.dossier_id = w.dossier_id AND b.desk_id = w.desk_id AND b.withheld
            AND b.counterpart_id IS NOT DISTINCT FROM w.counterpart_id AND b.id < w.id
        UNION SELECT m.report_id FROM crosscheck_membership m
        WHERE m.dossier_id = crosscheck_in_use(w.dossier_id))
    WHERE NOT w.withheld AND cardinality(w.report_ids) = 0;
ALTER TABLE deconfliction_withholding ENABLE TRIGGER deconfliction_withholding_stays;
DELETE FROM deconfliction_withholding_words t USING deconfliction_withholding w
    WHERE w.id = t.withholding_id AND NOT w.withheld AND (
        cardinality(w.report_ids) = 0 OR w.made_at < now() - interval '6 years'
        OR EXISTS (SELECT FROM unnest(w.report_ids) AS held (id) LEFT JOIN intake_report r ON r.id = held.id
            WHERE r.id IS NULL OR r.erased_at IS NOT NULL));
"""


class Migration(migrations.Migration):
    """Decisions and dates remain; only reasons that should have expired are erased."""

    dependencies = [
        ("deconfliction", "0005_one_body"),
        ("crosscheck", "0016_erased_evidence"),
        ("intake", "0038_numbers_of_stored"),
    ]
    operations = [migrations.RunSQL(SQL, migrations.RunSQL.noop)]
