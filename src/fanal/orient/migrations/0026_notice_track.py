"""Permits the track NOTICE in decisions, which opens notices to providers."""

from django.db import migrations

FORWARD = """
ALTER TABLE orient_decision DROP CONSTRAINT orient_decision_tracks, ADD CONSTRAINT orient_decision_tracks CHECK (
    cardinality(tracks) > 0
    AND tracks <@ ARRAY['JUDICIAL', 'MEASURES', 'NOTICE', 'ELSEWHERE', 'NONE']
    AND (NOT 'NONE' = ANY (tracks) OR cardinality(tracks) = 1));
"""


class Migration(migrations.Migration):
    """Replaces a constraint. Not reversible."""

    dependencies = [("orient", "0025_answered")]
    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
