"""Creates the table of the names that people give to dossiers; a name is tied to a report of the dossier."""

from django.db import migrations

SQL = """
CREATE TABLE crosscheck_name (
    id uuid NOT NULL,
    report_id uuid NOT NULL,
    desk_id integer NOT NULL,
    name text NOT NULL, -- '': the name made from the reports again
    author_id uuid NOT NULL,
    named_at timestamptz NOT NULL,
    CONSTRAINT crosscheck_name_pkey PRIMARY KEY (id),
    CONSTRAINT crosscheck_name_short CHECK (length(name) <= 80)
);
CREATE INDEX crosscheck_name_report ON crosscheck_name (report_id);
CREATE TRIGGER crosscheck_name_frozen BEFORE UPDATE ON crosscheck_name
    FOR EACH ROW EXECUTE FUNCTION crosscheck_append_only();
CREATE TRIGGER crosscheck_name_ahead BEFORE INSERT ON crosscheck_name
    FOR EACH ROW EXECUTE FUNCTION accounts_refuse_ahead('named_at');
"""


class Migration(migrations.Migration):
    """Written in SQL, like the package's other tables (unmanaged models)."""

    dependencies = [("crosscheck", "0014_ties"), ("accounts", "0020_no_act_ahead")]
    operations = [migrations.RunSQL(SQL, "DROP TABLE crosscheck_name")]
