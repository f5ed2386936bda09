"""Indexes suggestions by score, for lists in the order of scores at any set of desks."""

from django.db import migrations

SQL = """
DROP INDEX crosscheck_near_desk_score;
DROP INDEX crosscheck_resemblance_desk_score;
CREATE INDEX crosscheck_near_by_score ON crosscheck_near (score, report_id, other_id);
CREATE INDEX crosscheck_resemblance_by_score ON crosscheck_resemblance (score, report_id, other_id);
"""

DROP = """
DROP INDEX crosscheck_near_by_score;
DROP INDEX crosscheck_resemblance_by_score;
CREATE INDEX crosscheck_near_desk_score ON crosscheck_near (desk_id, score);
CREATE INDEX crosscheck_resemblance_desk_score ON crosscheck_resemblance (desk_id, score);
"""


class Migration(migrations.Migration):
    """Replaces the indexes by desk and score by indexes by score."""

    dependencies = [("crosscheck", "0006_near")]
    operations = [migrations.RunSQL(SQL, DROP)]
