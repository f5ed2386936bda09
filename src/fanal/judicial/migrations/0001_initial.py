"""Creates the tables of referrals to prosecutors, their texts and their steps."""

from django.db import migrations

SQL = """
CREATE TABLE judicial_referral (
    id uuid NOT NULL,
    desk_id integer NOT NULL,
    report_id uuid NOT NULL,
    decision_id uuid NOT NULL,
    state text NOT NULL DEFAULT 'DRAFT',
    body text NOT NULL,
    bases bytea NOT NULL,
    level text NOT NULL,
    author_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    sent_at timestamptz,
    outcome text NOT NULL DEFAULT '',
    CONSTRAINT judicial_referral_pkey PRIMARY KEY (id),
    CONSTRAINT judicial_referral_decision UNIQUE (decision_id),
    CONSTRAINT judicial_referral_state CHECK (state IN ('DRAFT', 'READY', 'SENT', 'ACKNOWLEDGED',
        'TAKEN_UP', 'RETURNED', 'CLOSED', 'WITHDRAWN')),
    CONSTRAINT judicial_referral_sent CHECK (
        state NOT IN ('SENT', 'ACKNOWLEDGED', 'TAKEN_UP', 'RETURNED', 'CLOSED') OR sent_at IS NOT NULL),
    CONSTRAINT judicial_referral_outcome CHECK ((state = 'CLOSED') = (outcome <> ''))
);
CREATE INDEX judicial_referral_board ON judicial_referral (desk_id, state, id);
CREATE INDEX judicial_referral_report ON judicial_referral (report_id);

-- What a referral says of people; expiry deletes these rows and the referral's structure stays.
CREATE TABLE judicial_text (
    referral_id uuid NOT NULL,
    facts bytea NOT NULL,
    summary text NOT NULL DEFAULT '',
    CONSTRAINT judicial_text_pkey PRIMARY KEY (referral_id),
    CONSTRAINT judicial_text_referral FOREIGN KEY (referral_id) REFERENCES judicial_referral (id)
);

CREATE TABLE judicial_step (
    id uuid NOT NULL,
    referral_id uuid NOT NULL,
    move text NOT NULL,
    source text NOT NULL,
    target text NOT NULL,
    actor_id uuid NOT NULL,
    happened_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    db_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    body text NOT NULL,
    outcome text NOT NULL DEFAULT '',
    proof text NOT NULL DEFAULT '',
    CONSTRAINT judicial_step_pkey PRIMARY KEY (id),
    CONSTRAINT judicial_step_referral FOREIGN KEY (referral_id) REFERENCES judicial_referral (id),
    CONSTRAINT judicial_step_order CHECK (happened_at <= recorded_at)
);
CREATE INDEX judicial_step_referral_id ON judicial_step (referral_id, db_at);

CREATE FUNCTION judicial_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER judicial_step_frozen BEFORE UPDATE OR DELETE ON judicial_step
    FOR EACH ROW EXECUTE FUNCTION judicial_append_only();
CREATE TRIGGER judicial_step_kept BEFORE TRUNCATE ON judicial_step
    FOR EACH STATEMENT EXECUTE FUNCTION judicial_append_only();
CREATE TRIGGER judicial_referral_kept BEFORE DELETE ON judicial_referral
    FOR EACH ROW EXECUTE FUNCTION judicial_append_only();
"""


class Migration(migrations.Migration):
    """The models are unmanaged: constraints and triggers are written in SQL."""

    initial = True
    dependencies = [("measures", "0001_initial")]
    operations = [migrations.RunSQL(SQL, migrations.RunSQL.noop)]
