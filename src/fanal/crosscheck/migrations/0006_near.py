"""Creates the tables of sketches, stop keys and similar reports, computed after linking when no report waits."""

from django.db import migrations

SQL = """
-- Keys are keyed digests (of passages of texts, paths of pages, postal addresses, pictures): no word can be read here.
-- `pieces` are the sixteen 16-bit pieces of each PDQ fingerprint, each with its place above it.
CREATE TABLE crosscheck_sketch (
    report_id uuid NOT NULL,
    keys bigint[] NOT NULL,
    pictures bytea NOT NULL,
    pieces integer[] NOT NULL,
    CONSTRAINT crosscheck_sketch_pkey PRIMARY KEY (report_id)
);
CREATE INDEX crosscheck_sketch_keys ON crosscheck_sketch USING gin (keys) WITH (fastupdate = off);
CREATE INDEX crosscheck_sketch_pieces ON crosscheck_sketch USING gin (pieces) WITH (fastupdate = off);

-- Keys that so many reports hold that they say nothing; they are stored in no further sketch.
CREATE TABLE crosscheck_worn (
    key bigint NOT NULL,
    CONSTRAINT crosscheck_worn_pkey PRIMARY KEY (key)
);

-- Linked reports that nobody has looked at for what is near.
CREATE TABLE crosscheck_waiting (
    report_id uuid NOT NULL,
    CONSTRAINT crosscheck_waiting_pkey PRIMARY KEY (report_id)
);

CREATE TABLE crosscheck_near (
    report_id uuid NOT NULL,
    other_id uuid NOT NULL,
    desk_id integer NOT NULL,
    other_desk_id integer NOT NULL,
    score real NOT NULL,
    reasons bytea NOT NULL,
    CONSTRAINT crosscheck_near_pkey PRIMARY KEY (report_id, other_id),
    CONSTRAINT crosscheck_near_order CHECK (other_id < report_id),
    CONSTRAINT crosscheck_near_score CHECK (score BETWEEN 0 AND 1)
);
CREATE INDEX crosscheck_near_other ON crosscheck_near (other_id);
CREATE INDEX crosscheck_near_desk_score ON crosscheck_near (desk_id, score);
"""

DROP = "DROP TABLE crosscheck_near, crosscheck_waiting, crosscheck_worn, crosscheck_sketch;"


class Migration(migrations.Migration):
    """Creates tables. Reports already linked are added by the next `fanal crosscheck rebuild`."""

    dependencies = [("crosscheck", "0005_resemblance")]
    operations = [migrations.RunSQL(SQL, DROP)]
