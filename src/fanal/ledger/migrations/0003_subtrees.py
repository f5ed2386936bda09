"""Creates the table of roots of complete subtrees (256, 65 536, ... leaves), which proofs read in place of leaves."""

from django.db import migrations

FORWARD = """
CREATE TABLE ledger_subtree (
    level smallint NOT NULL,
    place bigint NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT ledger_subtree_pkey PRIMARY KEY (level, place),
    CONSTRAINT ledger_subtree_level CHECK (level BETWEEN 1 AND 7 AND place >= 0),
    CONSTRAINT ledger_subtree_hash CHECK (length(hash) = 32)
);
CREATE TRIGGER ledger_subtree_rows_stay BEFORE UPDATE OR DELETE ON ledger_subtree
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER ledger_subtree_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_subtree
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
"""


class Migration(migrations.Migration):
    """The process that numbers entries fills the table, also for the older entries of a log."""

    dependencies = [("ledger", "0002_writers")]
    operations = [migrations.RunSQL(FORWARD, "DROP TABLE ledger_subtree;")]
