"""Creates the tables of measures, with triggers that enforce approval by a second person (decision 13)."""

from django.db import migrations

SQL = """
CREATE TABLE measures_measure (
    id uuid NOT NULL,
    desk_id integer NOT NULL,
    report_id uuid NOT NULL,
    decision_id uuid NOT NULL,
    kind text NOT NULL,
    host text NOT NULL,
    state text NOT NULL DEFAULT 'DRAFT',
    level text NOT NULL,
    revision integer NOT NULL DEFAULT 1,
    request bytea NOT NULL,
    digest bytea NOT NULL,
    proposer_id uuid NOT NULL,
    author_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    submitted_at timestamptz,
    approved_at timestamptz,
    sent_at timestamptz,
    received_at timestamptz,
    executed_at timestamptz,
    non_disclosure_until timestamptz,
    CONSTRAINT measures_measure_pkey PRIMARY KEY (id),
    CONSTRAINT measures_measure_proposer UNIQUE (id, proposer_id),
    CONSTRAINT measures_measure_kind CHECK (kind IN ('REMOVAL', 'BLOCKING', 'DEREFERENCING')),
    CONSTRAINT measures_measure_state CHECK (state IN ('DRAFT', 'TO_SECOND', 'APPROVED', 'SENT',
        'RECEIVED', 'SUSPENDED', 'EXPIRED', 'EXECUTED', 'LIFTED', 'WITHDRAWN', 'ANNULLED')),
    CONSTRAINT measures_measure_digest CHECK (digest = sha256(request)),
    CONSTRAINT measures_measure_revision CHECK (revision > 0),
    CONSTRAINT measures_measure_instants CHECK (
        (state NOT IN ('APPROVED', 'SENT', 'RECEIVED', 'SUSPENDED', 'EXPIRED', 'EXECUTED', 'LIFTED',
            'ANNULLED') OR approved_at IS NOT NULL)
        AND (state NOT IN ('SENT', 'RECEIVED', 'SUSPENDED', 'EXPIRED', 'EXECUTED', 'LIFTED', 'ANNULLED')
            OR sent_at IS NOT NULL)
        AND (state NOT IN ('RECEIVED', 'SUSPENDED', 'EXPIRED') OR received_at IS NOT NULL)
        AND (state NOT IN ('EXECUTED', 'LIFTED') OR executed_at IS NOT NULL))
);
CREATE INDEX measures_measure_board ON measures_measure (desk_id, state, id);
CREATE INDEX measures_measure_report ON measures_measure (report_id);
CREATE INDEX measures_measure_host ON measures_measure (host, sent_at);

CREATE TABLE measures_approval (
    measure_id uuid NOT NULL,
    revision integer NOT NULL,
    verdict text NOT NULL,
    digest bytea NOT NULL,
    proposer_id uuid NOT NULL,
    approver_id uuid NOT NULL,
    at timestamptz NOT NULL,
    reason text NOT NULL DEFAULT '',
    CONSTRAINT measures_approval_pkey PRIMARY KEY (measure_id, revision),
    CONSTRAINT measures_approval_proposer FOREIGN KEY (measure_id, proposer_id)
        REFERENCES measures_measure (id, proposer_id),
    CONSTRAINT measures_approval_two_people CHECK (approver_id <> proposer_id),
    CONSTRAINT measures_approval_verdict CHECK (verdict IN ('APPROVED', 'REFUSED')),
    CONSTRAINT measures_approval_reason CHECK (verdict = 'APPROVED' OR reason <> '')
);

CREATE TABLE measures_step (
    id uuid NOT NULL,
    measure_id uuid NOT NULL,
    move text NOT NULL,
    source text NOT NULL,
    target text NOT NULL,
    actor_id uuid NOT NULL,
    happened_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    db_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    cause text NOT NULL DEFAULT '',
    proof text NOT NULL DEFAULT '',
    proof_digest text NOT NULL DEFAULT '',
    CONSTRAINT measures_step_pkey PRIMARY KEY (id),
    CONSTRAINT measures_step_measure FOREIGN KEY (measure_id) REFERENCES measures_measure (id),
    CONSTRAINT measures_step_order CHECK (happened_at <= recorded_at),
    CONSTRAINT measures_step_proof CHECK (proof_digest ~ '^([0-9a-f]{64})?$')
);
CREATE INDEX measures_step_measure_id ON measures_step (measure_id, id);

CREATE TABLE measures_contact (
    host text NOT NULL,
    informed_at timestamptz NOT NULL,
    informed_by uuid NOT NULL,
    proof text NOT NULL DEFAULT '',
    CONSTRAINT measures_contact_pkey PRIMARY KEY (host)
);

-- A measure is born a draft; who proposed it and of which decision never changes; the bytes change only in
-- DRAFT under a new revision; and nothing from APPROVED on exists without another person's approval of
-- exactly the present bytes.
CREATE FUNCTION measures_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'DRAFT' THEN
            RAISE EXCEPTION 'a measure starts as a draft' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.id, NEW.proposer_id, NEW.report_id, NEW.decision_id, NEW.desk_id, NEW.kind, NEW.created_at)
        IS DISTINCT FROM
       (OLD.id, OLD.proposer_id, OLD.report_id, OLD.decision_id, OLD.desk_id, OLD.kind, OLD.created_at) THEN
        RAISE EXCEPTION 'what a measure is and who proposed it never change'
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF (NEW.request, NEW.digest, NEW.author_id) IS DISTINCT FROM (OLD.request, OLD.digest, OLD.author_id)
        AND NOT (NEW.state = 'DRAFT' AND NEW.revision > OLD.revision) THEN
        RAISE EXCEPTION 'the bytes of a measure change only in a draft, under a new revision'
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.revision < OLD.revision THEN
        RAISE EXCEPTION 'a revision never goes back' USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.state NOT IN ('DRAFT', 'TO_SECOND', 'WITHDRAWN') AND NOT EXISTS (
        SELECT FROM measures_approval a
        WHERE a.measure_id = NEW.id AND a.revision = NEW.revision AND a.verdict = 'APPROVED'
          AND a.digest = NEW.digest AND a.proposer_id = NEW.proposer_id
          AND a.approver_id <> NEW.proposer_id) THEN
        RAISE EXCEPTION 'no second person has approved these bytes' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER measures_measure_guard BEFORE INSERT OR UPDATE ON measures_measure
    FOR EACH ROW EXECUTE FUNCTION measures_guard();

-- A verdict is given on a measure that waits for it, on its present revision and bytes. The row lock makes a
-- change of the measure and its approval one after the other.
CREATE FUNCTION measures_approval_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Neither the proposer nor who wrote the present bytes may second them.
    PERFORM FROM measures_measure m
    WHERE m.id = NEW.measure_id AND m.state = 'TO_SECOND' AND m.revision = NEW.revision
      AND m.digest = NEW.digest AND m.author_id <> NEW.approver_id
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the measure does not wait for a verdict on these bytes'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER measures_approval_guard BEFORE INSERT ON measures_approval
    FOR EACH ROW EXECUTE FUNCTION measures_approval_guard();

CREATE FUNCTION measures_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER measures_approval_frozen BEFORE UPDATE OR DELETE ON measures_approval
    FOR EACH ROW EXECUTE FUNCTION measures_append_only();
CREATE TRIGGER measures_step_frozen BEFORE UPDATE OR DELETE ON measures_step
    FOR EACH ROW EXECUTE FUNCTION measures_append_only();
CREATE TRIGGER measures_measure_kept BEFORE DELETE ON measures_measure
    FOR EACH ROW EXECUTE FUNCTION measures_append_only();
CREATE TRIGGER measures_approval_kept BEFORE TRUNCATE ON measures_approval
    FOR EACH STATEMENT EXECUTE FUNCTION measures_append_only();
CREATE TRIGGER measures_step_kept BEFORE TRUNCATE ON measures_step
    FOR EACH STATEMENT EXECUTE FUNCTION measures_append_only();
CREATE TRIGGER measures_measure_whole BEFORE TRUNCATE ON measures_measure
    FOR EACH STATEMENT EXECUTE FUNCTION measures_append_only();
"""


class Migration(migrations.Migration):
    """The models are unmanaged: constraints and triggers are written in SQL."""

    initial = True
    dependencies = [("orient", "0001_initial")]
    operations = [migrations.RunSQL(SQL, migrations.RunSQL.noop)]
