"""Creates the tables of orient: proposals, the desk's queue of cases, decisions and alarms."""

from django.db import migrations

SQL = """
CREATE TABLE orient_proposal (
    report_id uuid NOT NULL,
    revision integer NOT NULL,
    desk_id integer NOT NULL,
    tracks text[] NOT NULL,
    bases text[] NOT NULL,
    body bytea NOT NULL,
    rule_version text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT orient_proposal_pkey PRIMARY KEY (report_id, revision),
    CONSTRAINT orient_proposal_revision CHECK (revision > 0)
) PARTITION BY RANGE (report_id);
SELECT fanal_first_months('orient_proposal');

-- The queue: one narrow row a report. `rank` is 100 - score, so that the order of the queue (highest
-- score, then oldest) is one ascending index, read by keyset.
CREATE TABLE orient_case (
    report_id uuid NOT NULL,
    desk_id integer NOT NULL,
    state text NOT NULL DEFAULT 'TO_ASSESS',
    rank smallint NOT NULL,
    floor text NOT NULL DEFAULT '',
    level text NOT NULL,
    reason text NOT NULL DEFAULT '',
    reason_parameters jsonb NOT NULL DEFAULT '{}',
    kind text NOT NULL,
    channel text NOT NULL DEFAULT '',
    platform text NOT NULL DEFAULT '',
    country text NOT NULL DEFAULT '',
    received_at timestamptz NOT NULL,
    urgent boolean NOT NULL DEFAULT false,
    links integer NOT NULL DEFAULT 0,
    sender_id uuid NOT NULL,
    claimed_by uuid,
    lease_until timestamptz,
    claim_token bigint NOT NULL DEFAULT 0,
    decided_at timestamptz,
    due_at timestamptz NOT NULL,
    proposal_revision integer NOT NULL,
    is_test boolean NOT NULL DEFAULT false,
    CONSTRAINT orient_case_pkey PRIMARY KEY (report_id),
    CONSTRAINT orient_case_state CHECK (
        state IN ('TO_ASSESS', 'CLAIMED', 'TO_SECOND', 'DECIDED', 'CLOSED', 'WITHDRAWN')),
    CONSTRAINT orient_case_rank CHECK (rank BETWEEN 0 AND 100),
    CONSTRAINT orient_case_level CHECK (level IN ('DANGER', 'HIGH', 'NORMAL', 'LOW')),
    CONSTRAINT orient_case_claim CHECK (
        (state = 'CLAIMED') = (claimed_by IS NOT NULL AND lease_until IS NOT NULL)),
    CONSTRAINT orient_case_decided CHECK (
        state NOT IN ('TO_SECOND', 'DECIDED', 'CLOSED') OR decided_at IS NOT NULL)
) WITH (fillfactor = 80);
CREATE INDEX orient_case_queue ON orient_case (desk_id, rank, report_id)
    WHERE state IN ('TO_ASSESS', 'CLAIMED');
CREATE INDEX orient_case_desks ON orient_case (rank, report_id) -- people of several desks
    WHERE state IN ('TO_ASSESS', 'CLAIMED');
CREATE INDEX orient_case_danger ON orient_case (desk_id, rank, report_id)
    WHERE level = 'DANGER' AND state IN ('TO_ASSESS', 'CLAIMED');
CREATE INDEX orient_case_kind ON orient_case (desk_id, kind, rank, report_id)
    WHERE state IN ('TO_ASSESS', 'CLAIMED');
CREATE INDEX orient_case_channel ON orient_case (desk_id, channel, rank, report_id)
    WHERE state IN ('TO_ASSESS', 'CLAIMED');
CREATE INDEX orient_case_country ON orient_case (desk_id, country, rank, report_id)
    WHERE state IN ('TO_ASSESS', 'CLAIMED');
CREATE INDEX orient_case_due ON orient_case (desk_id, due_at)
    WHERE state IN ('TO_ASSESS', 'CLAIMED', 'TO_SECOND');
CREATE INDEX orient_case_mine ON orient_case (claimed_by, rank, report_id) WHERE state = 'CLAIMED';
CREATE INDEX orient_case_second ON orient_case (desk_id, rank, report_id) WHERE state = 'TO_SECOND';
CREATE INDEX orient_case_done ON orient_case (desk_id, rank, report_id)
    WHERE state IN ('DECIDED', 'CLOSED');

CREATE TABLE orient_decision (
    id uuid NOT NULL,
    report_id uuid NOT NULL,
    desk_id integer NOT NULL,
    tracks text[] NOT NULL,
    body bytea NOT NULL,
    competent text NOT NULL DEFAULT '',
    proposal_revision integer NOT NULL,
    rule_version text NOT NULL,
    author_id uuid NOT NULL,
    claim_token bigint NOT NULL,
    decided_at timestamptz NOT NULL,
    digest bytea NOT NULL,
    supersedes uuid,
    CONSTRAINT orient_decision_pkey PRIMARY KEY (id),
    CONSTRAINT orient_decision_supersedes FOREIGN KEY (supersedes) REFERENCES orient_decision (id),
    CONSTRAINT orient_decision_claim UNIQUE (report_id, claim_token),
    CONSTRAINT orient_decision_tracks CHECK (
        cardinality(tracks) > 0
        AND tracks <@ ARRAY['JUDICIAL', 'MEASURES', 'ELSEWHERE', 'NONE']
        AND (NOT 'NONE' = ANY (tracks) OR cardinality(tracks) = 1))
);
CREATE INDEX orient_decision_report ON orient_decision (report_id, id);
CREATE INDEX orient_decision_desk ON orient_decision (desk_id, decided_at);

CREATE TABLE orient_reason (
    decision_id uuid NOT NULL,
    salt bytea NOT NULL,
    words text NOT NULL,
    CONSTRAINT orient_reason_pkey PRIMARY KEY (decision_id),
    CONSTRAINT orient_reason_decision FOREIGN KEY (decision_id) REFERENCES orient_decision (id)
);

CREATE TABLE orient_alarm (
    id uuid NOT NULL,
    report_id uuid NOT NULL,
    desk_id integer NOT NULL,
    code text NOT NULL,
    raised_at timestamptz NOT NULL,
    escalated_at timestamptz,
    acknowledged_at timestamptz,
    acknowledged_by uuid,
    called_at timestamptz,
    called_again_at timestamptz,
    CONSTRAINT orient_alarm_pkey PRIMARY KEY (id),
    CONSTRAINT orient_alarm_once UNIQUE (report_id, code),
    CONSTRAINT orient_alarm_code CHECK (code IN ('CHILD_IN_DANGER')),
    CONSTRAINT orient_alarm_acknowledged CHECK (
        (acknowledged_at IS NULL) = (acknowledged_by IS NULL)),
    CONSTRAINT orient_alarm_order CHECK (
        (escalated_at IS NULL OR escalated_at >= raised_at)
        AND (acknowledged_at IS NULL OR acknowledged_at >= raised_at))
);
CREATE INDEX orient_alarm_open ON orient_alarm (desk_id, raised_at) WHERE acknowledged_at IS NULL;

-- A decision is never edited nor removed: a new one supersedes it.
CREATE FUNCTION orient_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER orient_decision_frozen BEFORE UPDATE OR DELETE ON orient_decision
    FOR EACH ROW EXECUTE FUNCTION orient_append_only();
CREATE TRIGGER orient_decision_kept BEFORE TRUNCATE ON orient_decision
    FOR EACH STATEMENT EXECUTE FUNCTION orient_append_only();
CREATE TRIGGER orient_reason_frozen BEFORE UPDATE ON orient_reason
    FOR EACH ROW EXECUTE FUNCTION orient_append_only();
"""


class Migration(migrations.Migration):
    """The models are unmanaged: the tables are written in SQL, since Django does not support partitions."""

    initial = True
    dependencies = [("intake", "0001_initial")]
    operations = [migrations.RunSQL(SQL, migrations.RunSQL.noop)]
