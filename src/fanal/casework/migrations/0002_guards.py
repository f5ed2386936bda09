"""Checks that an act is sent with a document and under a decision in force, and the authors and times of steps."""

from django.db import migrations

COLUMN = "ALTER TABLE casework_transition ADD COLUMN in_force boolean NOT NULL DEFAULT false;"
GUARDS = """
CREATE OR REPLACE FUNCTION casework_document_guard() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    act casework_act;
    asked text[];
BEGIN
    SELECT * INTO act FROM casework_act WHERE id = NEW.act_id FOR NO KEY UPDATE;
    IF NEW.revision = 1 AND act.revision = 1 AND act.author_id = NEW.author_id THEN
        RETURN NEW;
    END IF;
    SELECT roles INTO asked FROM casework_transition
        WHERE kind = act.kind AND name = 'amend' AND source = act.state;
    IF NEW.revision IS DISTINCT FROM act.revision + 1 OR asked IS NULL THEN
        RAISE EXCEPTION 'the act takes no such revision' USING ERRCODE = 'check_violation';
    END IF;
    IF NOT accounts_acts(NEW.author_id, asked, act.desk_id, NEW.written_at, '{}') THEN
        RAISE EXCEPTION 'who writes a revision works at the desk' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION casework_step_guard() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    act casework_act;
    taken casework_transition;
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
BEFORE = """
CREATE OR REPLACE FUNCTION casework_document_guard() RETURNS trigger LANGUAGE plpgsql
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

CREATE OR REPLACE FUNCTION casework_step_guard() RETURNS trigger LANGUAGE plpgsql
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

ALTER TABLE casework_transition DROP COLUMN in_force;
"""


class Migration(migrations.Migration):
    """Only new rows are checked; `fanal migrate` fills the new column from the lifecycles."""

    dependencies = [("casework", "0001_initial"), ("orient", "0024_moves")]
    operations = [migrations.RunSQL(COLUMN + GUARDS, BEFORE)]
