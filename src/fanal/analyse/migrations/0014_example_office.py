"""Checks that people who judge or rewrite an example hold a role at its desk; keeps finished dry runs of readers."""

from django.db import migrations

SQL = """
ALTER TABLE analyse_example ADD COLUMN rewritten_at timestamptz;

CREATE OR REPLACE FUNCTION analyse_example_guard() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    desk integer := (SELECT desk_id FROM intake_report WHERE id = NEW.report_id);
    roles CONSTANT text[] := ARRAY['ANALYST', 'SUPERVISOR'];
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'OPEN' OR num_nonnulls(NEW.rewriter_id, NEW.rewritten_object, NEW.rewritten_at,
                                               NEW.checker_id, NEW.checked_at) > 0 THEN
            RAISE EXCEPTION 'an example begins open' USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.id, NEW.report_id, NEW.source, NEW.digest, NEW.object_id) IS DISTINCT FROM
        (OLD.id, OLD.report_id, OLD.source, OLD.digest, OLD.object_id) OR OLD.state IN ('NEUTRALISED', 'ERASED') THEN
        RAISE EXCEPTION 'an example keeps its passage, and its end' USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.state = 'REWRITTEN' AND (NEW.state, NEW.rewriter_id, NEW.rewritten_object, NEW.rewritten_at)
            IS DISTINCT FROM (OLD.state, OLD.rewriter_id, OLD.rewritten_object, OLD.rewritten_at) THEN
        IF NOT accounts_acts(NEW.rewriter_id, roles, desk, NEW.rewritten_at, '{}') THEN
            RAISE EXCEPTION 'who writes a neutral sentence works at the desk' USING ERRCODE = 'check_violation';
        ELSIF NEW.rewritten_object IS NOT DISTINCT FROM OLD.rewritten_object THEN
            RAISE EXCEPTION 'a neutral sentence keeps its writer' USING ERRCODE = 'restrict_violation';
        END IF;
    END IF;
    IF NEW.state = 'ERASED' AND EXISTS (
        SELECT FROM vault_object WHERE id = NEW.object_id AND wrapped_key IS NOT NULL) THEN
        RAISE EXCEPTION 'an example is erased with its passage' USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.state = 'NEUTRALISED' AND NOT (OLD.state = 'REWRITTEN'
        AND NEW.rewritten_object = OLD.rewritten_object AND NEW.rewriter_id = OLD.rewriter_id
        AND accounts_acts(NEW.checker_id, roles, desk, NEW.checked_at, ARRAY[OLD.rewriter_id])) THEN
        RAISE EXCEPTION 'a second person checks a neutral sentence' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER analyse_example_guard BEFORE INSERT OR UPDATE ON analyse_example
    FOR EACH ROW EXECUTE FUNCTION analyse_example_guard();

CREATE FUNCTION analyse_judgement_guard() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT accounts_acts(NEW.person_id, ARRAY['ANALYST', 'SUPERVISOR'], (
            SELECT r.desk_id FROM analyse_example e JOIN intake_report r ON r.id = e.report_id
            WHERE e.id = NEW.example_id), NEW.judged_at, '{}') THEN
        RAISE EXCEPTION 'who judges a passage works at the desk' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER analyse_judgement_guard BEFORE INSERT ON analyse_judgement
    FOR EACH ROW EXECUTE FUNCTION analyse_judgement_guard();

-- A dry run names its version; once finished, it stays until somebody proposes the version again.
CREATE FUNCTION analyse_reader_trial_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.proposer_id, NEW.proposed_at) IS DISTINCT FROM (OLD.proposer_id, OLD.proposed_at) THEN
        IF num_nonnulls(NEW.trial, NEW.reached) > 0 THEN
            RAISE EXCEPTION 'a proposed reader is run dry from the start' USING ERRCODE = 'restrict_violation';
        END IF;
    ELSIF OLD.tried_at IS NOT NULL AND (NEW.trial, NEW.reached, NEW.tried_at) IS DISTINCT FROM
        (OLD.trial, OLD.reached, OLD.tried_at) THEN
        RAISE EXCEPTION 'a finished dry run stays' USING ERRCODE = 'restrict_violation';
    ELSIF NEW.tried_at IS NOT NULL AND convert_from(NEW.trial, 'UTF8')::json ->> 'candidate'
        IS DISTINCT FROM NEW.version THEN
        RAISE EXCEPTION 'a dry run is of its reader' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER analyse_reader_trial_guard BEFORE UPDATE ON analyse_reader
    FOR EACH ROW EXECUTE FUNCTION analyse_reader_trial_guard();
"""


class Migration(migrations.Migration):
    """Not reversible: the triggers stay. Written in SQL, like the other tables of analyse."""

    dependencies = [
        ("analyse", "0013_examples"),
        ("accounts", "0010_habilitation_approval"),
        ("intake", "0001_initial"),
    ]
    operations = [migrations.RunSQL(SQL)]
