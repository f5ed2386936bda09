"""Adds the proposer of a rule set, and requires that another supervisor in office activates it."""

from django.db import migrations

SYSTEM = "'00000000-0000-7000-8000-000000000001'"

FORWARD = f"""
-- The proposer of a set is its author; of one that came with the program, who ran it dry last.
ALTER TABLE analyse_ruleset ADD COLUMN proposer_id uuid;
UPDATE analyse_ruleset SET proposer_id = author_id WHERE author_id <> {SYSTEM};
-- Nobody is known to have tried the shipped ones: they are run dry again.
UPDATE analyse_ruleset SET state = 'DRAFT', dry_run = NULL WHERE state = 'DRY_RUN' AND author_id = {SYSTEM};
ALTER TABLE analyse_ruleset
    ADD CONSTRAINT analyse_ruleset_proposer_id FOREIGN KEY (proposer_id) REFERENCES accounts_person (id),
    ADD CONSTRAINT analyse_ruleset_proposer UNIQUE (id, proposer_id),
    ADD CONSTRAINT analyse_ruleset_own CHECK (
        author_id = {SYSTEM} OR (proposer_id IS NOT NULL AND proposer_id = author_id));

-- The system puts the first set in force at install; activations of before stay as they were written.
ALTER TABLE analyse_activation ADD COLUMN proposer_id uuid,
    ADD CONSTRAINT analyse_activation_proposer FOREIGN KEY (ruleset_id, proposer_id)
        REFERENCES analyse_ruleset (id, proposer_id),
    DROP CONSTRAINT analyse_activation_two_people;
ALTER TABLE analyse_activation ADD CONSTRAINT analyse_activation_two_people CHECK (
    CASE WHEN proposer_id IS NULL THEN approver_id = {SYSTEM} AND author_id = {SYSTEM}
    ELSE approver_id NOT IN (proposer_id, author_id) END) NOT VALID;

-- The system's rows are no person's; a person who drafts or tries a set is a supervisor in office.
CREATE OR REPLACE FUNCTION analyse_keep_ruleset() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'DRAFT' OR NEW.dry_run IS NOT NULL
            OR (NEW.author_id = {SYSTEM} AND NEW.proposer_id IS NOT NULL) THEN
            RAISE EXCEPTION 'a rule set begins as a draft' USING ERRCODE = 'restrict_violation';
        END IF;
    ELSIF TG_OP = 'DELETE' OR (NEW.id, NEW.version, NEW.body, NEW.author_id, NEW.drafted_at)
        IS DISTINCT FROM (OLD.id, OLD.version, OLD.body, OLD.author_id, OLD.drafted_at) THEN
        RAISE EXCEPTION 'a rule set keeps its text and author' USING ERRCODE = 'restrict_violation';
    ELSIF (NEW.dry_run, NEW.proposer_id) IS DISTINCT FROM (OLD.dry_run, OLD.proposer_id) THEN
        IF OLD.state NOT IN ('DRAFT', 'DRY_RUN') OR NEW.dry_run IS NULL THEN
            RAISE EXCEPTION 'a candidate is run dry, no other set' USING ERRCODE = 'restrict_violation';
        END IF;
        NEW.state := 'DRY_RUN';
    ELSIF NEW.state = 'ACTIVE' AND NOT EXISTS (
        SELECT FROM analyse_activation a WHERE a.ruleset_id = NEW.id) THEN
        RAISE EXCEPTION 'a rule set needs a second person' USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.proposer_id IS NOT NULL AND (TG_OP = 'INSERT' OR NEW.proposer_id IS DISTINCT FROM OLD.proposer_id)
        AND NOT accounts_acts(NEW.proposer_id, ARRAY['SUPERVISOR'], NULL,
            CASE TG_OP WHEN 'INSERT' THEN NEW.drafted_at ELSE clock_timestamp() END, '{{}}') THEN
        RAISE EXCEPTION 'who proposes a rule set is a supervisor' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER analyse_ruleset_keep BEFORE INSERT OR UPDATE OR DELETE ON analyse_ruleset
    FOR EACH ROW EXECUTE FUNCTION analyse_keep_ruleset();

DROP TRIGGER analyse_activation_first ON analyse_activation;
DROP FUNCTION analyse_only_first_alone;
CREATE FUNCTION analyse_activation_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.proposer_id IS NULL THEN
        IF EXISTS (SELECT FROM analyse_activation) THEN
            RAISE EXCEPTION 'a rule set needs a second person' USING ERRCODE = 'restrict_violation';
        END IF;
    ELSIF NOT EXISTS (SELECT FROM analyse_ruleset WHERE id = NEW.ruleset_id AND state = 'DRY_RUN') THEN
        RAISE EXCEPTION 'a rule set is run dry first' USING ERRCODE = 'restrict_violation';
    ELSIF NOT accounts_acts(NEW.approver_id, ARRAY['SUPERVISOR'], NULL, NEW.activated_at,
                            ARRAY[NEW.proposer_id]) THEN
        RAISE EXCEPTION 'the second person holds no role for it' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER analyse_activation_guard BEFORE INSERT ON analyse_activation
    FOR EACH ROW EXECUTE FUNCTION analyse_activation_guard();

-- The only writer of ACTIVE and CLOSED: neither the desk nor the worker may update a state.
CREATE FUNCTION analyse_put_in_force() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE analyse_ruleset SET state = 'CLOSED' WHERE state = 'ACTIVE';
    UPDATE analyse_ruleset SET state = 'ACTIVE' WHERE id = NEW.ruleset_id;
    RETURN NULL;
END
$$;
CREATE TRIGGER analyse_activation_taken AFTER INSERT ON analyse_activation
    FOR EACH ROW EXECUTE FUNCTION analyse_put_in_force();
"""


class Migration(migrations.Migration):
    """Written in SQL, like the other tables of analyse (unmanaged models)."""

    dependencies = [
        ("analyse", "0010_ends"),
        ("accounts", "0010_habilitation_approval"),
    ]
    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
