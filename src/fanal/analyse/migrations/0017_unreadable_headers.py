"""Removes a withdrawn sentence from every version of the text reader, even with an unreadable header."""

from django.db import migrations

SQL = """
-- The header of a text reader without the text of an example (its id, 32 hexadecimal digits). A header that
-- cannot be read has no text to keep: no program loads its version.
CREATE FUNCTION analyse_header_without(header bytea, example text) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
    kept bytea;
BEGIN
    SELECT convert_to(jsonb_set(convert_from(header, 'UTF8')::jsonb, '{added}', jsonb_agg(
            CASE WHEN label ->> 'id' LIKE '%-' || example THEN label || '{"text": ""}' ELSE label END
            ORDER BY place))::text, 'UTF8')
        INTO kept
        FROM jsonb_array_elements(convert_from(header, 'UTF8')::jsonb -> 'added')
            WITH ORDINALITY AS added (label, place);
    RETURN coalesce(kept, '{}');
EXCEPTION WHEN data_exception THEN
    RETURN '{}';
END
$$;

CREATE OR REPLACE FUNCTION analyse_example_withdrawal_guard() RETURNS trigger LANGUAGE plpgsql
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
    UPDATE analyse_reader SET header = analyse_header_without(header, replace(OLD.id::text, '-', ''))
        WHERE position(convert_to(replace(OLD.id::text, '-', ''), 'UTF8') IN header) > 0;
    RETURN NEW;
END
$$;
"""


class Migration(migrations.Migration):
    """Not reversible: the trigger that removes sentences stays."""

    dependencies = [("analyse", "0016_stuck_texts")]
    operations = [migrations.RunSQL(SQL)]
