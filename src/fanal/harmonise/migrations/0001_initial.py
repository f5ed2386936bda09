"""Creates the tables of harmonise: records and texts (monthly partitions), selectors, sightings (16 partitions)."""

from django.db import migrations, models

CREATE = """
CREATE EXTENSION IF NOT EXISTS unaccent;
CREATE TEXT SEARCH CONFIGURATION harmonise_words (COPY = pg_catalog.simple);
ALTER TEXT SEARCH CONFIGURATION harmonise_words
    ALTER MAPPING FOR hword, hword_part, word WITH unaccent, simple;

CREATE TABLE harmonise_record (
    report_id uuid NOT NULL,
    written_at timestamptz NOT NULL,
    occurred_from timestamptz,
    occurred_until timestamptz,
    desk_id integer NOT NULL,
    revision smallint NOT NULL,
    emergency boolean NOT NULL,
    kind text NOT NULL,
    channel text NOT NULL DEFAULT '',
    language text NOT NULL DEFAULT '',
    country text NOT NULL DEFAULT '',
    record bytea NOT NULL,
    CONSTRAINT harmonise_record_pkey PRIMARY KEY (report_id, revision),
    CONSTRAINT harmonise_record_revision CHECK (revision >= 1),
    CONSTRAINT harmonise_record_occurred CHECK (occurred_from <= occurred_until)
) PARTITION BY RANGE (report_id);
-- The record is compressed before it comes here.
ALTER TABLE harmonise_record ALTER COLUMN record SET STORAGE EXTERNAL;
SELECT fanal_first_months('harmonise_record');

CREATE TABLE harmonise_selector (
    key uuid NOT NULL,
    kind text NOT NULL,
    value text NOT NULL,
    CONSTRAINT harmonise_selector_pkey PRIMARY KEY (key)
);
-- Searching by the beginning of a value. Fingerprints are searched whole, by key; a long address by its
-- first 100 characters, since an index entry may not pass a third of a page.
CREATE INDEX harmonise_selector_prefix ON harmonise_selector (left(value, 100) text_pattern_ops)
    WHERE kind NOT IN ('SHA256', 'SHA1', 'MD5', 'PDQ');

CREATE TABLE harmonise_sighting (
    key uuid NOT NULL,
    report_id uuid NOT NULL,
    desk_id integer NOT NULL,
    role smallint NOT NULL,
    weak boolean NOT NULL,
    port integer,
    at timestamptz,
    CONSTRAINT harmonise_sighting_pkey PRIMARY KEY (key, report_id, role),
    CONSTRAINT harmonise_sighting_role CHECK (role BETWEEN 1 AND 6),
    CONSTRAINT harmonise_sighting_port CHECK (port BETWEEN 1 AND 65535)
) PARTITION BY HASH (key);

CREATE TABLE harmonise_text (
    report_id uuid NOT NULL,
    desk_id integer NOT NULL,
    words tsvector NOT NULL,
    CONSTRAINT harmonise_text_pkey PRIMARY KEY (report_id)
) PARTITION BY RANGE (report_id);
CREATE INDEX harmonise_text_words ON harmonise_text USING gin (words);
SELECT fanal_first_months('harmonise_text');
"""

PARTS = "".join(
    f"CREATE TABLE harmonise_sighting_{part:02d} PARTITION OF harmonise_sighting"
    f" FOR VALUES WITH (MODULUS 16, REMAINDER {part});\n"
    for part in range(16)
)

DROP = """
DROP TABLE harmonise_text, harmonise_sighting, harmonise_selector, harmonise_record;
DROP TEXT SEARCH CONFIGURATION harmonise_words;
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = [("intake", "0001_initial")]
    operations = [
        migrations.RunSQL(CREATE + PARTS, DROP),
        migrations.CreateModel(
            name="Record",
            fields=[
                ("pk", models.CompositePrimaryKey("report_id", "revision", blank=True, editable=False, primary_key=True, serialize=False)),
                ("report_id", models.UUIDField()),
                ("revision", models.SmallIntegerField()),
                ("desk_id", models.IntegerField()),
                ("written_at", models.DateTimeField()),
                ("occurred_from", models.DateTimeField(null=True)),
                ("occurred_until", models.DateTimeField(null=True)),
                ("emergency", models.BooleanField()),
                ("kind", models.TextField()),
                ("channel", models.TextField(default="")),
                ("language", models.TextField(default="")),
                ("country", models.TextField(default="")),
                ("record", models.BinaryField()),
            ],
            options={"db_table": "harmonise_record", "managed": False},
        ),
        migrations.CreateModel(
            name="StoredSelector",
            fields=[
                ("key", models.UUIDField(primary_key=True, serialize=False)),
                ("kind", models.TextField()),
                ("value", models.TextField()),
            ],
            options={"db_table": "harmonise_selector", "managed": False},
        ),
        migrations.CreateModel(
            name="StoredSighting",
            fields=[
                ("pk", models.CompositePrimaryKey("key", "report_id", "role", blank=True, editable=False, primary_key=True, serialize=False)),
                ("key", models.UUIDField()),
                ("report_id", models.UUIDField()),
                ("desk_id", models.IntegerField()),
                ("role", models.SmallIntegerField()),
                ("weak", models.BooleanField()),
                ("port", models.IntegerField(null=True)),
                ("at", models.DateTimeField(null=True)),
            ],
            options={"db_table": "harmonise_sighting", "managed": False},
        ),
        migrations.CreateModel(
            name="SearchText",
            fields=[
                ("report_id", models.UUIDField(primary_key=True, serialize=False)),
                ("desk_id", models.IntegerField()),
                ("words", models.TextField()),
            ],
            options={"db_table": "harmonise_text", "managed": False},
        ),
    ]
