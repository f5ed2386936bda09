"""Requires that acts of a kind that follows a decision name it, so that guards can check that it is in force."""

from django.db import migrations

FORWARD = """
ALTER TABLE casework_kind ADD COLUMN decided boolean NOT NULL DEFAULT true;

CREATE OR REPLACE FUNCTION casework_act_guard() RETURNS trigger LANGUAGE plpgsql
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
    IF made.decided AND NEW.decision_id IS NULL THEN
        RAISE EXCEPTION 'such an act follows a decision' USING ERRCODE = 'check_violation';
    END IF;
    IF NOT accounts_acts(NEW.author_id, made.proposers, NEW.desk_id, NEW.created_at, '{}') THEN
        RAISE EXCEPTION 'who drafts works at the desk' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):
    """`fanal migrate` fills the new column."""

    dependencies = [("casework", "0003_reasons")]
    operations = [migrations.RunSQL(FORWARD)]
