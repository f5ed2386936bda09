"""Stores the former names of a counterpart.

Packages to a desk with such a name leave out the reports withheld from the counterpart.
"""

from django.db import migrations

SQL = """
ALTER TABLE deconfliction_counterpart ADD COLUMN former_names text[] NOT NULL DEFAULT '{}';

CREATE FUNCTION deconfliction_keep_names() RETURNS trigger LANGUAGE plpgsql
    SET search_path = public, pg_temp AS $$
BEGIN
    NEW.former_names := OLD.former_names;
    IF NEW.name <> OLD.name THEN
        NEW.former_names := OLD.former_names || OLD.name::text;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER deconfliction_counterpart_names BEFORE UPDATE ON deconfliction_counterpart
    FOR EACH ROW EXECUTE FUNCTION deconfliction_keep_names();
"""
BACK = """
DROP TRIGGER deconfliction_counterpart_names ON deconfliction_counterpart;
DROP FUNCTION deconfliction_keep_names;
ALTER TABLE deconfliction_counterpart DROP COLUMN former_names;
"""


class Migration(migrations.Migration):
    """Adds a column; names changed before this migration are unknown."""

    dependencies = [("deconfliction", "0006_words_of_ends")]
    operations = [migrations.RunSQL(SQL, BACK)]
