"""Adds to steps: reason, digest of the proof, warnings displayed, and since when the act could not be sent."""

from django.db import migrations

COLUMNS = """
ALTER TABLE casework_transition ADD COLUMN lapsed boolean NOT NULL DEFAULT false;
-- Whoever goes on although warnings were shown writes why.
ALTER TABLE casework_step
    ADD COLUMN reason text NOT NULL DEFAULT '',
    ADD COLUMN proof_digest text NOT NULL DEFAULT '',
    ADD COLUMN warnings jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN lapsed_at timestamptz,
    ADD CONSTRAINT casework_step_proof CHECK (proof_digest ~ '^([0-9a-f]{64})?$'),
    ADD CONSTRAINT casework_step_warned CHECK (warnings = '[]' OR reason ~ '[^[:space:]]');
ALTER TABLE casework_approval
    ADD COLUMN warnings jsonb NOT NULL DEFAULT '[]',
    ADD CONSTRAINT casework_approval_warned CHECK (warnings = '[]' OR reason ~ '[^[:space:]]');
CREATE INDEX casework_step_lapsed ON casework_step (act_id) WHERE lapsed_at IS NOT NULL;
"""
GUARD = """
CREATE OR REPLACE FUNCTION casework_step_guard() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    act casework_act;
    taken casework_transition;
    followed timestamptz;
BEGIN
    SELECT * INTO act FROM casework_act WHERE id = NEW.act_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN NEW;  -- the foreign key says it
    END IF;
    NEW.db_at := clock_timestamp();  -- the order of steps is the database's own
    IF NOT NEW.happened_at >= '2000-01-01' THEN
        RAISE EXCEPTION 'nobody kept such acts then' USING ERRCODE = 'check_violation';
    END IF;
    SELECT * INTO taken FROM casework_transition
        WHERE kind = act.kind AND name = NEW.transition AND source = NEW.source AND target = NEW.target;
    IF NOT FOUND OR act.state <> NEW.source THEN
        RAISE EXCEPTION 'the act takes no such step from its state' USING ERRCODE = 'check_violation';
    END IF;
    SELECT happened_at INTO followed FROM casework_step
        WHERE act_id = act.id AND (NOT taken.lapsed OR transition = 'approve') ORDER BY db_at DESC LIMIT 1;
    IF NEW.happened_at < date_trunc('minute', followed) THEN  -- forms give minutes
        RAISE EXCEPTION 'a step does not happen before the one that it follows' USING ERRCODE = 'check_violation';
    END IF;
    IF taken.lapsed <> (NEW.lapsed_at IS NOT NULL) OR taken.lapsed AND (act.sent_at IS NOT NULL
        OR orient_in_force(act.subject_id, act.decision_id) AND NOT EXISTS (
            SELECT FROM casework_step WHERE act_id = act.id AND transition = 'withdraw')) THEN
        RAISE EXCEPTION 'what may be sent is sent as usual, and once' USING ERRCODE = 'check_violation';
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
    IF taken.in_force AND act.decision_id IS NOT NULL
        AND NOT orient_in_force(act.subject_id, act.decision_id) THEN
        RAISE EXCEPTION 'the decision behind the act is in force no more' USING ERRCODE = 'check_violation';
    END IF;
    IF taken.sends AND NOT EXISTS (SELECT FROM casework_document
        WHERE act_id = act.id AND revision = act.revision AND length(content) > 0) THEN
        RAISE EXCEPTION 'nothing is sent that says nothing' USING ERRCODE = 'check_violation';
    END IF;
    IF taken.approved AND NOT EXISTS (
        SELECT FROM casework_approval a JOIN casework_document d USING (act_id, revision, digest)
        WHERE a.act_id = act.id AND a.revision = act.revision AND a.verdict = 'APPROVED') THEN
        RAISE EXCEPTION 'no second person has approved these bytes' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
"""
EXPIRY = """
CREATE OR REPLACE TRIGGER casework_approval_frozen BEFORE UPDATE OR DELETE ON casework_approval
    FOR EACH ROW EXECUTE FUNCTION fanal_words_end('reason', 'warnings');
CREATE OR REPLACE TRIGGER casework_step_frozen BEFORE UPDATE OR DELETE ON casework_step
    FOR EACH ROW EXECUTE FUNCTION fanal_words_end('proof', 'reason', 'warnings');
CREATE OR REPLACE FUNCTION casework_erase_words(acts uuid[]) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    gone integer;
BEGIN
    PERFORM set_config('fanal.erasing', 'on', true);
    WITH erased AS (DELETE FROM casework_document WHERE act_id = ANY (acts) RETURNING act_id)
    SELECT count(DISTINCT act_id) INTO gone FROM erased;
    UPDATE casework_step SET proof = CASE proof WHEN '' THEN '' ELSE '[…]' END,
        reason = CASE reason WHEN '' THEN '' ELSE '[…]' END, warnings = '[]'
        WHERE act_id = ANY (acts) AND (proof <> '' OR reason <> '');
    UPDATE casework_approval SET reason = '[…]', warnings = '[]' WHERE act_id = ANY (acts) AND reason <> '';
    PERFORM set_config('fanal.erasing', '', true);
    RETURN gone;
END $$;
"""


class Migration(migrations.Migration):
    """Not reversible: steps are kept with their contents. `fanal migrate` fills the new column of transitions."""

    dependencies = [("casework", "0002_guards")]
    operations = [migrations.RunSQL(COLUMNS + GUARD + EXPIRY)]
