"""Creates the tables of checked emergency numbers and of the service's hours on public pages.

They record who checked or set them, and when.
"""

from django.db import migrations

SQL = """
CREATE TABLE accounts_help_line (
    id uuid NOT NULL CONSTRAINT accounts_help_line_pkey PRIMARY KEY,
    number text NOT NULL,
    verdict text NOT NULL CONSTRAINT accounts_help_line_verdict CHECK (verdict IN ('CHECKED', 'HIDDEN')),
    source text NOT NULL,
    by_id uuid NOT NULL CONSTRAINT accounts_help_line_author REFERENCES accounts_person (id),
    at timestamptz NOT NULL,
    CONSTRAINT accounts_help_line_emergency CHECK (verdict = 'CHECKED' OR number IN ('114', '3018')),
    CONSTRAINT accounts_help_line_source CHECK (verdict = 'HIDDEN' OR source <> '')
);
CREATE INDEX accounts_help_line_of_number ON accounts_help_line (number, at);

-- Minutes since midnight, Monday first; both NULL on a closed day.
CREATE TABLE accounts_opening (
    id uuid NOT NULL CONSTRAINT accounts_opening_pkey PRIMARY KEY,
    opens smallint[] NOT NULL CONSTRAINT accounts_opening_week CHECK (cardinality(opens) = 7),
    closes smallint[] NOT NULL CONSTRAINT accounts_opening_ends CHECK (cardinality(closes) = 7),
    closed date[] NOT NULL,
    shown boolean NOT NULL,
    by_id uuid NOT NULL CONSTRAINT accounts_opening_author REFERENCES accounts_person (id),
    at timestamptz NOT NULL
);
CREATE INDEX accounts_opening_newest ON accounts_opening (at);

CREATE FUNCTION accounts_public_guard() RETURNS trigger LANGUAGE plpgsql
    SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT accounts_acts(NEW.by_id, ARRAY['ADMINISTRATOR'], NULL, NEW.at, '{}') THEN
        RAISE EXCEPTION 'an administrator in office keeps the public pages' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER accounts_help_line_guard BEFORE INSERT ON accounts_help_line
    FOR EACH ROW EXECUTE FUNCTION accounts_public_guard();
CREATE TRIGGER accounts_opening_guard BEFORE INSERT ON accounts_opening
    FOR EACH ROW EXECUTE FUNCTION accounts_public_guard();
CREATE TRIGGER accounts_help_line_append_only BEFORE UPDATE OR DELETE ON accounts_help_line
    FOR EACH ROW EXECUTE FUNCTION accounts_append_only();
CREATE TRIGGER accounts_help_line_kept BEFORE TRUNCATE ON accounts_help_line
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_append_only();
CREATE TRIGGER accounts_opening_append_only BEFORE UPDATE OR DELETE ON accounts_opening
    FOR EACH ROW EXECUTE FUNCTION accounts_append_only();
CREATE TRIGGER accounts_opening_kept BEFORE TRUNCATE ON accounts_opening
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_append_only();
"""
BACK = """
DROP TABLE accounts_help_line, accounts_opening;
DROP FUNCTION accounts_public_guard;
"""


class Migration(migrations.Migration):
    """Adds two tables; processes of the earlier version show every number and no hours."""

    dependencies = [("accounts", "0029_duty")]
    operations = [migrations.RunSQL(SQL, BACK)]
