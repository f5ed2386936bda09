"""Creates the table of pairs of reports whose people the trained linkage model scores as similar."""

from django.db import migrations

SQL = """
CREATE TABLE crosscheck_resemblance (
    report_id uuid NOT NULL,
    other_id uuid NOT NULL,
    desk_id integer NOT NULL,
    other_desk_id integer NOT NULL,
    score real NOT NULL,
    model text NOT NULL,
    reasons bytea NOT NULL,
    CONSTRAINT crosscheck_resemblance_pkey PRIMARY KEY (report_id, other_id),
    CONSTRAINT crosscheck_resemblance_order CHECK (other_id < report_id),
    CONSTRAINT crosscheck_resemblance_score CHECK (score BETWEEN 0 AND 1)
);
CREATE INDEX crosscheck_resemblance_other ON crosscheck_resemblance (other_id);
CREATE INDEX crosscheck_resemblance_desk_score ON crosscheck_resemblance (desk_id, score);
"""


class Migration(migrations.Migration):
    """Creates the table of pairs and its indexes."""

    dependencies = [("crosscheck", "0004_cards")]
    operations = [migrations.RunSQL(SQL, "DROP TABLE crosscheck_resemblance;")]
