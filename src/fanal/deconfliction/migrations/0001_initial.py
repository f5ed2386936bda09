"""Creates the tables of de-confliction: counterparts, sharing limits, withholdings, rounds, messages, matches."""

from django.db import migrations

CREATE = """
-- One key for the installation: counterparts pin its public half, the private one is sealed in the vault.
CREATE TABLE deconfliction_identity (
    one boolean NOT NULL DEFAULT true,
    public_key bytea NOT NULL,
    object_id uuid NOT NULL,
    made_at timestamptz NOT NULL,
    CONSTRAINT deconfliction_identity_pkey PRIMARY KEY (one),
    CONSTRAINT deconfliction_identity_one CHECK (one),
    CONSTRAINT deconfliction_identity_key CHECK (octet_length(public_key) = 32)
);

CREATE TABLE deconfliction_counterpart (
    id uuid NOT NULL,
    name text NOT NULL,
    our_name text NOT NULL,
    contact text NOT NULL,
    public_key bytea NOT NULL,
    organisation_id uuid,
    url text NOT NULL DEFAULT '',
    login text NOT NULL DEFAULT '',
    secret_id uuid,
    every_hours smallint NOT NULL,
    daily_points integer NOT NULL,
    added_by uuid NOT NULL,
    added_at timestamptz NOT NULL,
    closed_at timestamptz,
    CONSTRAINT deconfliction_counterpart_pkey PRIMARY KEY (id),
    CONSTRAINT deconfliction_counterpart_names CHECK (length(name) BETWEEN 1 AND 100
        AND length(our_name) BETWEEN 1 AND 100 AND name <> our_name),
    CONSTRAINT deconfliction_counterpart_contact CHECK (length(btrim(contact)) BETWEEN 1 AND 500),
    CONSTRAINT deconfliction_counterpart_key CHECK (octet_length(public_key) = 32),
    CONSTRAINT deconfliction_counterpart_pace CHECK (every_hours BETWEEN 1 AND 744),
    CONSTRAINT deconfliction_counterpart_points CHECK (daily_points BETWEEN 64 AND 4194304)
);
-- A name or a key that is open stands for one body; a closed counterpart keeps its rounds and hits.
CREATE UNIQUE INDEX deconfliction_counterpart_name ON deconfliction_counterpart (name)
    WHERE closed_at IS NULL;
CREATE UNIQUE INDEX deconfliction_counterpart_holder ON deconfliction_counterpart (public_key)
    WHERE closed_at IS NULL;

CREATE TABLE deconfliction_limit (
    id uuid NOT NULL,
    counterpart_id uuid NOT NULL,
    kinds text[] NOT NULL,
    roles text[] NOT NULL,
    desk_ids integer[] NOT NULL,
    months smallint NOT NULL,
    set_by uuid NOT NULL,
    set_at timestamptz NOT NULL,
    CONSTRAINT deconfliction_limit_pkey PRIMARY KEY (id),
    CONSTRAINT deconfliction_limit_of FOREIGN KEY (counterpart_id)
        REFERENCES deconfliction_counterpart (id),
    CONSTRAINT deconfliction_limit_kinds CHECK (cardinality(kinds) > 0),
    -- What a victim or a witness is known by is never opened, by whomever.
    CONSTRAINT deconfliction_limit_roles CHECK (cardinality(roles) > 0
        AND roles <@ ARRAY['SUSPECT', 'RECIPIENT', 'ASSOCIATED', 'CONTENT']),
    CONSTRAINT deconfliction_limit_months CHECK (months BETWEEN 1 AND 72)
);
CREATE INDEX deconfliction_limit_newest ON deconfliction_limit (counterpart_id, id);

-- What a desk withholds of a dossier, from all counterparts or from one; the newest row of a desk counts.
CREATE TABLE deconfliction_withholding (
    id uuid NOT NULL,
    dossier_id uuid NOT NULL,
    desk_id integer NOT NULL,
    counterpart_id uuid,
    report_ids uuid[] NOT NULL,
    withheld boolean NOT NULL,
    author_id uuid NOT NULL,
    made_at timestamptz NOT NULL,
    reason_digest bytea NOT NULL,
    CONSTRAINT deconfliction_withholding_pkey PRIMARY KEY (id),
    CONSTRAINT deconfliction_withholding_from FOREIGN KEY (counterpart_id)
        REFERENCES deconfliction_counterpart (id)
);
CREATE INDEX deconfliction_withholding_of ON deconfliction_withholding (dossier_id, id);
CREATE INDEX deconfliction_withholding_reports ON deconfliction_withholding USING gin (report_ids);
CREATE TABLE deconfliction_withholding_words (
    withholding_id uuid NOT NULL,
    words text NOT NULL,
    CONSTRAINT deconfliction_withholding_words_pkey PRIMARY KEY (withholding_id),
    CONSTRAINT deconfliction_withholding_words_of FOREIGN KEY (withholding_id)
        REFERENCES deconfliction_withholding (id),
    CONSTRAINT deconfliction_withholding_words_length CHECK (length(words) BETWEEN 1 AND 2000)
);

CREATE TABLE deconfliction_round (
    id uuid NOT NULL,
    counterpart_id uuid NOT NULL,
    side text NOT NULL,
    state text NOT NULL,
    instruction_id uuid NOT NULL,
    started_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    closed_at timestamptz,
    held integer,
    shown integer NOT NULL DEFAULT 0,
    asked integer NOT NULL DEFAULT 0,
    met integer,
    error text NOT NULL DEFAULT '',
    CONSTRAINT deconfliction_round_pkey PRIMARY KEY (id),
    CONSTRAINT deconfliction_round_with FOREIGN KEY (counterpart_id)
        REFERENCES deconfliction_counterpart (id),
    CONSTRAINT deconfliction_round_state CHECK (
        side = 'OFFERING' AND state IN ('OFFERED', 'CONCLUDED', 'EXPIRED', 'REFUSED')
        OR side = 'ANSWERING'
            AND state IN ('RECEIVED', 'ANSWERED', 'CONCLUDED', 'EXPIRED', 'REFUSED')),
    CONSTRAINT deconfliction_round_closed CHECK (
        (closed_at IS NOT NULL) = (state IN ('CONCLUDED', 'EXPIRED', 'REFUSED')))
);
-- One round at a time that we began with a counterpart.
CREATE UNIQUE INDEX deconfliction_round_under_way ON deconfliction_round (counterpart_id)
    WHERE side = 'OFFERING' AND closed_at IS NULL;
CREATE INDEX deconfliction_round_newest ON deconfliction_round (counterpart_id, started_at DESC);
CREATE INDEX deconfliction_round_open ON deconfliction_round (expires_at) WHERE closed_at IS NULL;

-- The bytes go when the round's time is over; their digest stays.
CREATE TABLE deconfliction_message (
    round_id uuid NOT NULL,
    kind text NOT NULL,
    ours boolean NOT NULL,
    at timestamptz NOT NULL,
    digest bytea NOT NULL,
    body bytea,
    CONSTRAINT deconfliction_message_pkey PRIMARY KEY (round_id, kind),
    CONSTRAINT deconfliction_message_of FOREIGN KEY (round_id) REFERENCES deconfliction_round (id),
    CONSTRAINT deconfliction_message_kind CHECK (kind IN ('OFFER', 'ANSWER', 'CONCLUSION'))
);
ALTER TABLE deconfliction_message ALTER COLUMN body SET STORAGE EXTERNAL;

-- An identifier that both desks hold, by the key of our selector; expiry takes the key away.
CREATE TABLE deconfliction_hit (
    id uuid NOT NULL,
    counterpart_id uuid NOT NULL,
    key uuid,
    round_id uuid NOT NULL,
    state text NOT NULL,
    met_at timestamptz NOT NULL,
    last_met_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    CONSTRAINT deconfliction_hit_pkey PRIMARY KEY (id),
    CONSTRAINT deconfliction_hit_once UNIQUE (counterpart_id, key),
    CONSTRAINT deconfliction_hit_with FOREIGN KEY (counterpart_id)
        REFERENCES deconfliction_counterpart (id),
    CONSTRAINT deconfliction_hit_round FOREIGN KEY (round_id) REFERENCES deconfliction_round (id),
    CONSTRAINT deconfliction_hit_state CHECK (state IN ('NEW', 'CONTACTED', 'CLOSED', 'REOPENED'))
);
CREATE INDEX deconfliction_hit_key ON deconfliction_hit (key);

CREATE TABLE deconfliction_hit_report (
    hit_id uuid NOT NULL,
    report_id uuid NOT NULL,
    desk_id integer NOT NULL,
    since timestamptz NOT NULL,
    CONSTRAINT deconfliction_hit_report_pkey PRIMARY KEY (hit_id, report_id),
    CONSTRAINT deconfliction_hit_report_of FOREIGN KEY (hit_id) REFERENCES deconfliction_hit (id)
);
CREATE INDEX deconfliction_hit_report_report ON deconfliction_hit_report (report_id);

CREATE TABLE deconfliction_step (
    id uuid NOT NULL,
    hit_id uuid NOT NULL,
    move text NOT NULL,
    state text NOT NULL,
    author_id uuid NOT NULL,
    at timestamptz NOT NULL,
    words_digest bytea,
    CONSTRAINT deconfliction_step_pkey PRIMARY KEY (id),
    CONSTRAINT deconfliction_step_of FOREIGN KEY (hit_id) REFERENCES deconfliction_hit (id)
);
CREATE INDEX deconfliction_step_hit ON deconfliction_step (hit_id, id);
CREATE TABLE deconfliction_step_words (
    step_id uuid NOT NULL,
    words text NOT NULL,
    CONSTRAINT deconfliction_step_words_pkey PRIMARY KEY (step_id),
    CONSTRAINT deconfliction_step_words_of FOREIGN KEY (step_id) REFERENCES deconfliction_step (id),
    CONSTRAINT deconfliction_step_words_length CHECK (length(words) BETWEEN 1 AND 2000)
);

CREATE FUNCTION deconfliction_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'this row stays: write another one' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER deconfliction_limit_stays BEFORE UPDATE OR DELETE ON deconfliction_limit
    FOR EACH ROW EXECUTE FUNCTION deconfliction_append_only();
CREATE TRIGGER deconfliction_withholding_stays BEFORE UPDATE OR DELETE ON deconfliction_withholding
    FOR EACH ROW EXECUTE FUNCTION deconfliction_append_only();
CREATE TRIGGER deconfliction_step_stays BEFORE UPDATE OR DELETE ON deconfliction_step
    FOR EACH ROW EXECUTE FUNCTION deconfliction_append_only();
"""

DROP = """
DROP TABLE deconfliction_step_words, deconfliction_step, deconfliction_hit_report, deconfliction_hit,
    deconfliction_message, deconfliction_round, deconfliction_withholding_words,
    deconfliction_withholding, deconfliction_limit, deconfliction_counterpart, deconfliction_identity;
DROP FUNCTION deconfliction_append_only;
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = [("crosscheck", "0002_across_desks"), ("accounts", "0005_instruction_of")]
    operations = [migrations.RunSQL(CREATE, DROP)]
