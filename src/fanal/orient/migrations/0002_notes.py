"""Creates the append-only tables of notes on reports and dossiers, with their texts apart, for expiry."""

from django.db import migrations

SQL = """
CREATE TABLE orient_note (
    id uuid NOT NULL,
    desk_id integer NOT NULL,
    dossier_id uuid, -- NULL: a note on the one report named
    report_ids uuid[] NOT NULL,
    author_id uuid NOT NULL,
    written_at timestamptz NOT NULL,
    digest bytea NOT NULL,
    CONSTRAINT orient_note_pkey PRIMARY KEY (id),
    CONSTRAINT orient_note_about CHECK (
        cardinality(report_ids) > 0 AND (dossier_id IS NOT NULL OR cardinality(report_ids) = 1))
);
CREATE INDEX orient_note_reports ON orient_note USING gin (report_ids);

-- The words go with the first of the note's reports that expires; the row keeps their keyed digest.
CREATE TABLE orient_note_words (
    note_id uuid NOT NULL,
    words text NOT NULL,
    search tsvector NOT NULL GENERATED ALWAYS AS
        (to_tsvector('public.harmonise_words'::regconfig, words)) STORED,
    CONSTRAINT orient_note_words_pkey PRIMARY KEY (note_id),
    CONSTRAINT orient_note_words_note FOREIGN KEY (note_id) REFERENCES orient_note (id)
);
CREATE INDEX orient_note_words_search ON orient_note_words USING gin (search);

CREATE TRIGGER orient_note_frozen BEFORE UPDATE OR DELETE ON orient_note
    FOR EACH ROW EXECUTE FUNCTION orient_append_only();
CREATE TRIGGER orient_note_kept BEFORE TRUNCATE ON orient_note
    FOR EACH STATEMENT EXECUTE FUNCTION orient_append_only();
CREATE TRIGGER orient_note_words_frozen BEFORE UPDATE ON orient_note_words
    FOR EACH ROW EXECUTE FUNCTION orient_append_only();
"""


class Migration(migrations.Migration):
    """Written in SQL, like the package's other tables (unmanaged models)."""

    dependencies = [("orient", "0001_initial"), ("harmonise", "0001_initial")]
    operations = [migrations.RunSQL(SQL, migrations.RunSQL.noop)]
