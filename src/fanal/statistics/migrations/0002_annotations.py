"""Creates the tables of annotations of charts, by which a supervisor explains unusual numbers of a period."""

from django.db import migrations

SQL = """
CREATE TABLE statistics_annotation (
    id uuid NOT NULL CONSTRAINT statistics_annotation_pkey PRIMARY KEY,
    kind text NOT NULL CONSTRAINT statistics_annotation_kind CHECK (kind IN ('OUTAGE', 'RULES', 'NOTE')),
    first date NOT NULL,
    last date NOT NULL,
    words text NOT NULL CONSTRAINT statistics_annotation_words CHECK (words <> '' AND length(words) <= 200),
    by_id uuid NOT NULL CONSTRAINT statistics_annotation_author REFERENCES accounts_person (id),
    at timestamptz NOT NULL,
    CONSTRAINT statistics_annotation_order CHECK (first <= last)
);
CREATE INDEX statistics_annotation_days ON statistics_annotation (first, last);

CREATE TABLE statistics_annotation_end (
    annotation_id uuid NOT NULL CONSTRAINT statistics_annotation_end_pkey PRIMARY KEY
        CONSTRAINT statistics_annotation_end_of REFERENCES statistics_annotation (id),
    by_id uuid NOT NULL CONSTRAINT statistics_annotation_end_author REFERENCES accounts_person (id),
    at timestamptz NOT NULL
);

-- When each part of the installation was last seen at work, and the times for which it was not.
CREATE TABLE statistics_alive (
    part text NOT NULL CONSTRAINT statistics_alive_pkey PRIMARY KEY,
    at timestamptz NOT NULL
);
CREATE TABLE statistics_outage (
    part text NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL,
    CONSTRAINT statistics_outage_pkey PRIMARY KEY (part, since),
    CONSTRAINT statistics_outage_order CHECK (since < until)
);

CREATE TRIGGER statistics_annotation_append_only BEFORE UPDATE OR DELETE ON statistics_annotation
    FOR EACH ROW EXECUTE FUNCTION accounts_append_only();
CREATE TRIGGER statistics_annotation_kept BEFORE TRUNCATE ON statistics_annotation
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_append_only();
CREATE TRIGGER statistics_annotation_end_append_only BEFORE UPDATE OR DELETE ON statistics_annotation_end
    FOR EACH ROW EXECUTE FUNCTION accounts_append_only();
CREATE TRIGGER statistics_annotation_end_kept BEFORE TRUNCATE ON statistics_annotation_end
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_append_only();
"""
BACK = "DROP TABLE statistics_annotation_end, statistics_annotation, statistics_alive, statistics_outage;"


class Migration(migrations.Migration):
    """Adds tables; processes of the earlier version show no annotation."""

    dependencies = [("statistics", "0001_initial"), ("accounts", "0029_duty")]
    operations = [migrations.RunSQL(SQL, BACK)]
