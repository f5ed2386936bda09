"""Creates the tables of official acts, and the guards that hold for every kind of act.

States, transitions, their rights and requirements differ by kind: they are rows of `casework_kind` and
`casework_transition`, which `fanal migrate` writes from the program's lifecycles.
"""

from django.db import migrations

TABLES = """
CREATE TABLE casework_kind (
    kind text NOT NULL,
    initial text NOT NULL,
    proposers text[] NOT NULL,
    CONSTRAINT casework_kind_pkey PRIMARY KEY (kind)
);
CREATE TABLE casework_transition (
    kind text NOT NULL,
    name text NOT NULL,
    source text NOT NULL,
    target text NOT NULL,
    roles text[] NOT NULL,
    proof boolean NOT NULL,
    approved boolean NOT NULL,
    sends boolean NOT NULL,
    outcomes text[] NOT NULL,
    CONSTRAINT casework_transition_pkey PRIMARY KEY (kind, name, source),
    CONSTRAINT casework_transition_kind FOREIGN KEY (kind) REFERENCES casework_kind (kind)
);

-- `subject_id` is what the act is about: the report it follows, a payer. `basis` holds what it rests on, in
-- the kind's own encoding, and nothing that names anybody.
CREATE TABLE casework_act (
    id uuid NOT NULL,
    kind text NOT NULL,
    desk_id integer NOT NULL,
    subject_id uuid NOT NULL,
    report_ids uuid[] NOT NULL,
    decision_id uuid,
    state text NOT NULL,
    addressee text NOT NULL,
    basis bytea NOT NULL,
    level text NOT NULL,
    revision integer NOT NULL DEFAULT 1,
    author_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    sent_at timestamptz,
    outcome text NOT NULL DEFAULT '',
    CONSTRAINT casework_act_pkey PRIMARY KEY (id),
    CONSTRAINT casework_act_kind FOREIGN KEY (kind) REFERENCES casework_kind (kind),
    CONSTRAINT casework_act_author FOREIGN KEY (author_id) REFERENCES accounts_person (id)
);
CREATE INDEX casework_act_board ON casework_act (kind, desk_id, state, id);
CREATE INDEX casework_act_subject ON casework_act (subject_id, kind);

-- What an act says, revision by revision: these rows expire, the act's structure stays.
CREATE TABLE casework_document (
    act_id uuid NOT NULL,
    revision integer NOT NULL,
    content bytea NOT NULL,
    digest bytea NOT NULL GENERATED ALWAYS AS (sha256(content)) STORED,
    author_id uuid NOT NULL,
    written_at timestamptz NOT NULL,
    CONSTRAINT casework_document_pkey PRIMARY KEY (act_id, revision),
    CONSTRAINT casework_document_act FOREIGN KEY (act_id) REFERENCES casework_act (id),
    CONSTRAINT casework_document_author FOREIGN KEY (author_id) REFERENCES accounts_person (id)
);

CREATE TABLE casework_approval (
    act_id uuid NOT NULL,
    revision integer NOT NULL,
    verdict text NOT NULL,
    digest bytea NOT NULL,
    approver_id uuid NOT NULL,
    approved_at timestamptz NOT NULL,
    reason text NOT NULL DEFAULT '',
    CONSTRAINT casework_approval_pkey PRIMARY KEY (act_id, revision),
    CONSTRAINT casework_approval_act FOREIGN KEY (act_id) REFERENCES casework_act (id),
    CONSTRAINT casework_approval_approver FOREIGN KEY (approver_id) REFERENCES accounts_person (id),
    CONSTRAINT casework_approval_verdict CHECK (verdict IN ('APPROVED', 'REFUSED')),
    CONSTRAINT casework_approval_reason CHECK (verdict = 'APPROVED' OR reason <> '')
);

CREATE TABLE casework_step (
    id uuid NOT NULL,
    act_id uuid NOT NULL,
    transition text NOT NULL,
    source text NOT NULL,
    target text NOT NULL,
    revision integer NOT NULL,
    actor_id uuid NOT NULL,
    happened_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    db_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    addressee text NOT NULL,
    outcome text NOT NULL DEFAULT '',
    proof text NOT NULL DEFAULT '',
    CONSTRAINT casework_step_pkey PRIMARY KEY (id),
    CONSTRAINT casework_step_act FOREIGN KEY (act_id) REFERENCES casework_act (id),
    CONSTRAINT casework_step_actor FOREIGN KEY (actor_id) REFERENCES accounts_person (id),
    CONSTRAINT casework_step_order CHECK (happened_at <= recorded_at)
);
CREATE INDEX casework_step_act_id ON casework_step (act_id, db_at);
"""

GUARDS = """
CREATE FUNCTION casework_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

-- An act starts as a blank draft of a person who proposes such acts at its desk, and stays what it is.
CREATE FUNCTION casework_act_guard() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    moving CONSTANT text[] := ARRAY['state', 'addressee', 'revision', 'sent_at', 'outcome', 'subject_id'];
    made casework_kind;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF to_jsonb(NEW) - moving <> to_jsonb(OLD) - moving THEN
            RAISE EXCEPTION 'an act keeps what it is' USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END IF;
    SELECT * INTO made FROM casework_kind WHERE kind = NEW.kind;
    IF NEW.state IS DISTINCT FROM made.initial OR NEW.sent_at IS NOT NULL OR NEW.revision <> 1
        OR NEW.outcome <> '' THEN
        RAISE EXCEPTION 'an act starts as a blank draft' USING ERRCODE = 'check_violation';
    END IF;
    IF NOT accounts_acts(NEW.author_id, made.proposers, NEW.desk_id, NEW.created_at, '{}') THEN
        RAISE EXCEPTION 'who drafts works at the desk' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER casework_act_guard BEFORE INSERT OR UPDATE ON casework_act
    FOR EACH ROW EXECUTE FUNCTION casework_act_guard();

-- A revision follows the present one, and only where the act may be amended; the step makes it present.
CREATE FUNCTION casework_document_guard() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    act casework_act;
BEGIN
    SELECT * INTO act FROM casework_act WHERE id = NEW.act_id FOR NO KEY UPDATE;
    IF NEW.revision = 1 AND act.revision = 1 AND act.author_id = NEW.author_id THEN
        RETURN NEW;
    END IF;
    IF NEW.revision IS DISTINCT FROM act.revision + 1 OR NOT EXISTS (
        SELECT FROM casework_transition WHERE kind = act.kind AND name = 'amend' AND source = act.state) THEN
        RAISE EXCEPTION 'the act takes no such revision' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER casework_document_guard BEFORE INSERT ON casework_document
    FOR EACH ROW EXECUTE FUNCTION casework_document_guard();

-- The second person signs the bytes that wait for a verdict, is in office at the desk, wrote none of them,
-- and was habilitated by nobody who did.
CREATE FUNCTION casework_approval_guard() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    act casework_act;
    written casework_document;
    asked text[];
BEGIN
    SELECT * INTO act FROM casework_act WHERE id = NEW.act_id FOR NO KEY UPDATE;
    SELECT * INTO written FROM casework_document WHERE act_id = act.id AND revision = act.revision;
    SELECT roles INTO asked FROM casework_transition
        WHERE kind = act.kind AND source = act.state
          AND name = CASE NEW.verdict WHEN 'APPROVED' THEN 'approve' ELSE 'refuse' END;
    IF asked IS NULL OR NEW.revision <> act.revision OR NEW.digest IS DISTINCT FROM written.digest
        OR NEW.approver_id IN (act.author_id, written.author_id) THEN
        RAISE EXCEPTION 'the act does not wait for this verdict on these bytes' USING ERRCODE = 'check_violation';
    END IF;
    IF NOT accounts_acts(NEW.approver_id, asked, act.desk_id, NEW.approved_at,
            ARRAY[act.author_id, written.author_id]) THEN
        RAISE EXCEPTION 'the second person holds no role for it' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER casework_approval_guard BEFORE INSERT ON casework_approval
    FOR EACH ROW EXECUTE FUNCTION casework_approval_guard();

-- A step leaves the present state by a transition of its kind, taken by a person whose role at the desk allows
-- it. Amending alone changes addressee and revision. The lock puts steps of one act one after the other.
CREATE FUNCTION casework_step_guard() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    act casework_act;
    taken casework_transition;
BEGIN
    SELECT * INTO act FROM casework_act WHERE id = NEW.act_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN NEW;  -- the foreign key says it
    END IF;
    SELECT * INTO taken FROM casework_transition
        WHERE kind = act.kind AND name = NEW.transition AND source = NEW.source AND target = NEW.target;
    IF NOT FOUND OR act.state <> NEW.source THEN
        RAISE EXCEPTION 'the act takes no such step from its state' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.transition = 'amend' THEN
        IF NEW.revision <> act.revision + 1 OR NOT EXISTS (
            SELECT FROM casework_document WHERE act_id = act.id AND revision = NEW.revision
                AND author_id = NEW.actor_id) THEN
            RAISE EXCEPTION 'an amendment is a revision of its author' USING ERRCODE = 'check_violation';
        END IF;
    ELSIF (NEW.addressee, NEW.revision) <> (act.addressee, act.revision) THEN
        RAISE EXCEPTION 'an amendment alone changes what an act says' USING ERRCODE = 'check_violation';
    END IF;
    IF NOT accounts_acts(NEW.actor_id, taken.roles, act.desk_id, NEW.recorded_at, '{}') THEN
        RAISE EXCEPTION 'who takes the step holds no role for it' USING ERRCODE = 'check_violation';
    END IF;
    IF taken.proof AND btrim(NEW.proof) = '' THEN
        RAISE EXCEPTION 'the step has no proof' USING ERRCODE = 'check_violation';
    END IF;
    IF NOT (CASE WHEN cardinality(taken.outcomes) = 0 THEN NEW.outcome = ''
                 ELSE NEW.outcome = ANY (taken.outcomes) END) THEN
        RAISE EXCEPTION 'the step has no such outcome' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.transition IN ('approve', 'refuse') AND NOT EXISTS (
        SELECT FROM casework_approval WHERE act_id = act.id AND revision = act.revision
            AND approver_id = NEW.actor_id
            AND verdict = CASE NEW.transition WHEN 'approve' THEN 'APPROVED' ELSE 'REFUSED' END) THEN
        RAISE EXCEPTION 'a verdict is the step of whoever signed it' USING ERRCODE = 'check_violation';
    END IF;
    IF taken.approved AND NOT EXISTS (
        SELECT FROM casework_approval a JOIN casework_document d USING (act_id, revision, digest)
        WHERE a.act_id = act.id AND a.revision = act.revision AND a.verdict = 'APPROVED') THEN
        RAISE EXCEPTION 'no second person has approved these bytes' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER casework_step_guard BEFORE INSERT ON casework_step
    FOR EACH ROW EXECUTE FUNCTION casework_step_guard();

-- The only writer of states and instants: neither the desk nor the worker may update them.
CREATE FUNCTION casework_step_take() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE casework_act a SET state = NEW.target, addressee = NEW.addressee, revision = NEW.revision,
        outcome = NEW.outcome, sent_at = CASE WHEN t.sends THEN NEW.happened_at ELSE a.sent_at END
    FROM casework_transition t
    WHERE a.id = NEW.act_id AND t.kind = a.kind AND t.name = NEW.transition AND t.source = NEW.source;
    RETURN NULL;
END $$;
CREATE TRIGGER casework_step_taken AFTER INSERT ON casework_step
    FOR EACH ROW EXECUTE FUNCTION casework_step_take();

CREATE TRIGGER casework_act_kept BEFORE DELETE ON casework_act
    FOR EACH ROW EXECUTE FUNCTION casework_append_only();
CREATE TRIGGER casework_document_frozen BEFORE UPDATE OR DELETE ON casework_document
    FOR EACH ROW EXECUTE FUNCTION fanal_words_end();
CREATE TRIGGER casework_approval_frozen BEFORE UPDATE OR DELETE ON casework_approval
    FOR EACH ROW EXECUTE FUNCTION fanal_words_end('reason');
CREATE TRIGGER casework_step_frozen BEFORE UPDATE OR DELETE ON casework_step
    FOR EACH ROW EXECUTE FUNCTION fanal_words_end('proof');
CREATE TRIGGER casework_act_whole BEFORE TRUNCATE ON casework_act
    FOR EACH STATEMENT EXECUTE FUNCTION casework_append_only();
CREATE TRIGGER casework_document_whole BEFORE TRUNCATE ON casework_document
    FOR EACH STATEMENT EXECUTE FUNCTION casework_append_only();
CREATE TRIGGER casework_approval_whole BEFORE TRUNCATE ON casework_approval
    FOR EACH STATEMENT EXECUTE FUNCTION casework_append_only();
CREATE TRIGGER casework_step_whole BEFORE TRUNCATE ON casework_step
    FOR EACH STATEMENT EXECUTE FUNCTION casework_append_only();
"""

EXPIRY = """
-- Expiry's own: documents go, words of steps and verdicts are emptied; states, instants and people stay.
CREATE FUNCTION casework_erase_words(acts uuid[]) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    gone integer;
BEGIN
    PERFORM set_config('fanal.erasing', 'on', true);
    WITH erased AS (DELETE FROM casework_document WHERE act_id = ANY (acts) RETURNING act_id)
    SELECT count(DISTINCT act_id) INTO gone FROM erased;
    UPDATE casework_step SET proof = '[…]' WHERE act_id = ANY (acts) AND proof <> '';
    UPDATE casework_approval SET reason = '[…]' WHERE act_id = ANY (acts) AND reason <> '';
    PERFORM set_config('fanal.erasing', '', true);
    RETURN gone;
END $$;
CREATE FUNCTION casework_forget_subjects(acts uuid[]) RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH forgotten AS (
        UPDATE casework_act SET subject_id = '00000000-0000-0000-0000-000000000000'
        WHERE id = ANY (acts) RETURNING id)
    SELECT count(*)::int FROM forgotten
$$;
"""


class Migration(migrations.Migration):
    """The models are unmanaged: constraints and triggers are written in SQL."""

    initial = True
    dependencies = [("accounts", "0014_hoarded_locks")]
    operations = [migrations.RunSQL(TABLES + GUARDS + EXPIRY, migrations.RunSQL.noop)]
