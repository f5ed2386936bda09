"""Numbers every change of list entries, so that a hash index can read the later ones; indexes the values."""

from django.db import migrations

FORWARD = """
-- One number a load, addition or withdrawal, given under one lock: in the order in which they commit.
ALTER TABLE analyse_entry ADD COLUMN change bigint NOT NULL DEFAULT 1;
ALTER TABLE analyse_entry ALTER COLUMN change DROP DEFAULT;
CREATE INDEX analyse_entry_change ON analyse_entry (change, id);
CREATE INDEX analyse_entry_held ON analyse_entry (kind, value) WHERE withdrawn_at IS NULL;
"""

BACKWARD = """
DROP INDEX analyse_entry_held;
ALTER TABLE analyse_entry DROP COLUMN change;
"""


class Migration(migrations.Migration):
    """Adds columns and indexes to one table."""

    dependencies = [("analyse", "0002_shipped_rules")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
