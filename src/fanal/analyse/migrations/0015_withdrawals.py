"""Permits withdrawing a proposed text reader or a checked neutral sentence, which a version then forgets."""

from django.db import migrations

SQL = """
-- Why the program ended the last dry run of this version without a result.
ALTER TABLE analyse_reader ADD COLUMN ended text NOT NULL DEFAULT '';
ALTER TABLE analyse_example ADD COLUMN withdrawer_id uuid, ADD COLUMN withdrawn_at timestamptz;

-- The bytes of a reader change by the withdrawal of a neutral sentence alone, in the trigger below.
CREATE OR REPLACE FUNCTION analyse_reader_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'TRAINED' OR NEW.proposer_id IS NOT NULL OR NEW.tried_at IS NOT NULL THEN
            RAISE EXCEPTION 'a reader begins as trained' USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' OR (NEW.id, NEW.version, NEW.digest, NEW.card, NEW.author_id, NEW.trained_at)
        IS DISTINCT FROM (OLD.id, OLD.version, OLD.digest, OLD.card, OLD.author_id, OLD.trained_at)
        OR NEW.weights IS DISTINCT FROM OLD.weights
        OR NEW.header IS DISTINCT FROM OLD.header AND pg_trigger_depth() < 2 THEN
        RAISE EXCEPTION 'a reader keeps its bytes and its author' USING ERRCODE = 'restrict_violation';
    END IF;
    IF (NEW.proposer_id, NEW.proposed_at) IS DISTINCT FROM (OLD.proposer_id, OLD.proposed_at) THEN
        IF num_nonnulls(NEW.proposer_id, NEW.proposed_at) = 0 THEN
            IF OLD.state NOT IN ('TRAINED', 'PROPOSED') THEN
                RAISE EXCEPTION 'a proposal is withdrawn' USING ERRCODE = 'restrict_violation';
            END IF;
        ELSIF OLD.state = 'IN_FORCE' OR NOT accounts_acts(
            NEW.proposer_id, ARRAY['SUPERVISOR'], NULL, NEW.proposed_at, '{}') THEN
            RAISE EXCEPTION 'a supervisor proposes a reader not in force' USING ERRCODE = 'check_violation';
        END IF;
        NEW.state := 'TRAINED';
        NEW.tried_at := NULL;
    ELSIF NEW.tried_at IS NOT NULL AND OLD.tried_at IS NULL THEN
        IF NEW.proposer_id IS NULL OR OLD.state <> 'TRAINED' THEN
            RAISE EXCEPTION 'a proposed reader is run dry' USING ERRCODE = 'restrict_violation';
        END IF;
        NEW.state := 'PROPOSED';
    ELSIF NEW.state = 'IN_FORCE' AND OLD.state <> 'IN_FORCE' AND (OLD.state <> 'PROPOSED' OR NOT EXISTS (
        SELECT FROM analyse_reader_activation a WHERE a.reader_id = NEW.id AND a.proposer_id = NEW.proposer_id
            AND a.activated_at >= NEW.tried_at)) THEN
        RAISE EXCEPTION 'a reader needs a second person' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;

-- A supervisor of the desk takes a checked sentence back: the example is open again, or erased with its report.
CREATE FUNCTION analyse_example_withdrawal_guard() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF OLD.state <> 'NEUTRALISED' THEN
        IF (NEW.withdrawer_id, NEW.withdrawn_at) IS DISTINCT FROM (OLD.withdrawer_id, OLD.withdrawn_at) THEN
            RAISE EXCEPTION 'a checked sentence is withdrawn' USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.id, NEW.report_id, NEW.source, NEW.digest, NEW.object_id) IS DISTINCT FROM
        (OLD.id, OLD.report_id, OLD.source, OLD.digest, OLD.object_id)
        OR NEW.state NOT IN ('OPEN', 'ERASED') OR num_nonnulls(NEW.rewriter_id, NEW.rewritten_object,
            NEW.rewritten_at, NEW.checker_id, NEW.checked_at) > 0 THEN
        RAISE EXCEPTION 'an example keeps its passage, and its end' USING ERRCODE = 'restrict_violation';
    END IF;
    IF NOT accounts_acts(NEW.withdrawer_id, ARRAY['SUPERVISOR'],
            (SELECT desk_id FROM intake_report WHERE id = NEW.report_id), NEW.withdrawn_at, '{}') THEN
        RAISE EXCEPTION 'a supervisor withdraws a sentence' USING ERRCODE = 'check_violation';
    END IF;
    IF (NEW.state = 'ERASED') = EXISTS (
        SELECT FROM vault_object WHERE id = NEW.object_id AND wrapped_key IS NOT NULL) THEN
        RAISE EXCEPTION 'an example is erased with its passage' USING ERRCODE = 'restrict_violation';
    END IF;
    UPDATE analyse_reader SET header = convert_to(jsonb_set(convert_from(header, 'UTF8')::jsonb, '{added}', (
            SELECT jsonb_agg(CASE WHEN label ->> 'id' LIKE '%-' || replace(OLD.id::text, '-', '')
                THEN label || '{"text": ""}' ELSE label END ORDER BY place)
            FROM jsonb_array_elements(convert_from(header, 'UTF8')::jsonb -> 'added')
                WITH ORDINALITY AS added (label, place)))::text, 'UTF8')
        WHERE position(replace(OLD.id::text, '-', '') IN convert_from(header, 'UTF8')) > 0;
    RETURN NEW;
END
$$;
-- The earlier guard holds a checked sentence for ever: it keeps all other changes.
CREATE OR REPLACE TRIGGER analyse_example_guard BEFORE UPDATE ON analyse_example
    FOR EACH ROW WHEN (OLD.state <> 'NEUTRALISED') EXECUTE FUNCTION analyse_example_guard();
CREATE TRIGGER analyse_example_guard_insert BEFORE INSERT ON analyse_example
    FOR EACH ROW EXECUTE FUNCTION analyse_example_guard();
CREATE TRIGGER analyse_example_withdrawal_guard BEFORE UPDATE ON analyse_example
    FOR EACH ROW EXECUTE FUNCTION analyse_example_withdrawal_guard();
"""


class Migration(migrations.Migration):
    """Not reversible: the triggers stay. Written in SQL, like the other tables of analyse."""

    dependencies = [("analyse", "0014_example_office")]
    operations = [migrations.RunSQL(SQL)]
