"""Creates the tables of intelligence sheets on payers, their texts and their steps."""

from django.db import migrations

FORWARD = """
-- `payer` is a digest; who it is stands in the words, which expire.
CREATE TABLE judicial_sheet (
    id uuid NOT NULL,
    desk_id integer NOT NULL,
    payer uuid NOT NULL,
    report_ids uuid[] NOT NULL,
    state text NOT NULL DEFAULT 'DRAFT',
    body text NOT NULL,
    digest bytea NOT NULL,
    author_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    sent_at timestamptz,
    CONSTRAINT judicial_sheet_pkey PRIMARY KEY (id),
    CONSTRAINT judicial_sheet_state CHECK (state IN ('DRAFT', 'READY', 'SENT', 'ACKNOWLEDGED', 'WITHDRAWN')),
    CONSTRAINT judicial_sheet_sent CHECK (state NOT IN ('SENT', 'ACKNOWLEDGED') OR sent_at IS NOT NULL)
);
CREATE INDEX judicial_sheet_board ON judicial_sheet (desk_id, state, id);
CREATE INDEX judicial_sheet_payer ON judicial_sheet (desk_id, payer);

CREATE TABLE judicial_sheet_words (
    sheet_id uuid NOT NULL,
    facts bytea NOT NULL,
    summary text NOT NULL DEFAULT '',
    CONSTRAINT judicial_sheet_words_pkey PRIMARY KEY (sheet_id),
    CONSTRAINT judicial_sheet_words_sheet FOREIGN KEY (sheet_id) REFERENCES judicial_sheet (id)
);

CREATE TABLE judicial_sheet_step (
    id uuid NOT NULL,
    sheet_id uuid NOT NULL,
    move text NOT NULL,
    source text NOT NULL,
    target text NOT NULL,
    actor_id uuid NOT NULL,
    happened_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    db_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    body text NOT NULL,
    proof text NOT NULL DEFAULT '',
    CONSTRAINT judicial_sheet_step_pkey PRIMARY KEY (id),
    CONSTRAINT judicial_sheet_step_sheet FOREIGN KEY (sheet_id) REFERENCES judicial_sheet (id),
    CONSTRAINT judicial_sheet_step_order CHECK (happened_at <= recorded_at)
);
CREATE INDEX judicial_sheet_step_sheet_id ON judicial_sheet_step (sheet_id, db_at);

CREATE TRIGGER judicial_sheet_step_frozen BEFORE UPDATE OR DELETE ON judicial_sheet_step
    FOR EACH ROW EXECUTE FUNCTION judicial_append_only();
CREATE TRIGGER judicial_sheet_step_kept BEFORE TRUNCATE ON judicial_sheet_step
    FOR EACH STATEMENT EXECUTE FUNCTION judicial_append_only();
CREATE TRIGGER judicial_sheet_kept BEFORE DELETE ON judicial_sheet
    FOR EACH ROW EXECUTE FUNCTION judicial_append_only();
"""


class Migration(migrations.Migration):
    """Creates three tables."""

    dependencies = [("judicial", "0001_initial")]
    operations = [
        migrations.RunSQL(
            FORWARD, "DROP TABLE judicial_sheet_step, judicial_sheet_words, judicial_sheet;"
        )
    ]
