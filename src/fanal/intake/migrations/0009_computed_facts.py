"""Adds to files the results of the desk's own hashing: type, dimensions, PDQ hash, or why there is none."""

from django.db import migrations

SQL = """
ALTER TABLE intake_upload
    ADD COLUMN hashed_at timestamptz,
    ADD COLUMN media_type text NOT NULL DEFAULT '',
    ADD COLUMN width integer,
    ADD COLUMN height integer,
    ADD COLUMN scale smallint NOT NULL DEFAULT 1,
    ADD COLUMN pdq text,
    ADD COLUMN pdq_quality smallint,
    ADD COLUMN frames text[] NOT NULL DEFAULT '{}',
    ADD COLUMN unhashed text,
    ADD CONSTRAINT intake_upload_pdq CHECK ((pdq IS NULL) = (pdq_quality IS NULL));
"""
BACK = """
ALTER TABLE intake_upload
    DROP COLUMN hashed_at, DROP COLUMN media_type, DROP COLUMN width, DROP COLUMN height, DROP COLUMN scale,
    DROP COLUMN pdq, DROP COLUMN pdq_quality, DROP COLUMN frames, DROP COLUMN unhashed;
"""


class Migration(migrations.Migration):
    """A file is hashed once: `hashed_at` is the time, and a replay of the stage does not hash it again."""

    dependencies = [("intake", "0008_exchange")]
    operations = [migrations.RunSQL(SQL, BACK)]
