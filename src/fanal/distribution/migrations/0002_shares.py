"""Records whether this desk is itself competent for a report, in addition to the other destinations."""

from django.db import migrations

FORWARD = """
-- What was planned before nobody noted it of: it stays this desk's.
ALTER TABLE distribution_item ADD COLUMN ours boolean NOT NULL DEFAULT true;
CREATE INDEX distribution_package_made ON distribution_package (recipient_id, id);
"""
BACKWARD = """
DROP INDEX distribution_package_made;
ALTER TABLE distribution_item DROP COLUMN ours;
"""


class Migration(migrations.Migration):
    dependencies = [("distribution", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
