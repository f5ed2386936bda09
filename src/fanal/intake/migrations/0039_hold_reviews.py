"""Adds to a legal hold the day of its next review; a supervisor sets it with reason and ledger entry."""

from django.db import migrations

COLUMNS = """
ALTER TABLE intake_hold ADD COLUMN review_on date, ADD COLUMN reviewed_by uuid,
    ADD COLUMN reviewed_at timestamptz, ADD COLUMN review_motive text NOT NULL DEFAULT '';
ALTER TABLE intake_hold ADD CONSTRAINT intake_hold_reviewed
    CHECK ((reviewed_by IS NULL) = (reviewed_at IS NULL) AND (reviewed_at IS NULL) = (review_motive = ''));
CREATE INDEX intake_hold_due ON intake_hold (review_on NULLS FIRST, id) WHERE lifted_at IS NULL;
"""
GUARD = """
CREATE OR REPLACE FUNCTION intake_hold_guard() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    desk CONSTANT integer := (SELECT desk_id FROM intake_report WHERE id = NEW.report_id);
    lifts CONSTANT boolean := TG_OP = 'UPDATE' AND NEW.lifted_at IS NOT NULL;
    keeps CONSTANT boolean := TG_OP = 'UPDATE' AND NOT lifts;
    since CONSTANT timestamptz := CASE WHEN lifts THEN NEW.lifted_at WHEN keeps THEN NEW.reviewed_at
        ELSE NEW.placed_at END;
BEGIN
    IF TG_OP = 'UPDATE' AND (OLD.lifted_at IS NOT NULL
            OR (NEW.id, NEW.report_id, NEW.placed_by, NEW.placed_at, NEW.motive)
            IS DISTINCT FROM (OLD.id, OLD.report_id, OLD.placed_by, OLD.placed_at, OLD.motive)
            OR lifts AND (NEW.review_on, NEW.reviewed_by, NEW.reviewed_at, NEW.review_motive)
            IS DISTINCT FROM (OLD.review_on, OLD.reviewed_by, OLD.reviewed_at, OLD.review_motive)) THEN
        RAISE EXCEPTION 'a hold stays as it was placed, and is lifted once'
            USING ERRCODE = 'restrict_violation';
    ELSIF TG_OP = 'INSERT' AND (NEW.lifted_at IS NOT NULL OR NEW.reviewed_at IS NOT NULL)
            OR lifts AND btrim(NEW.lift_motive) = '' OR NEW.lifted_at < NEW.placed_at
            OR keeps AND (NEW.reviewed_at IS NULL OR btrim(NEW.review_motive) = ''
                OR NEW.reviewed_at < greatest(NEW.placed_at, OLD.reviewed_at)) THEN
        RAISE EXCEPTION 'a hold is placed, then reviewed and lifted, for a reason'
            USING ERRCODE = 'check_violation';
    ELSIF NOT lifts AND NOT coalesce(NEW.review_on > (since AT TIME ZONE 'Europe/Paris')::date
            AND NEW.review_on <= (since AT TIME ZONE 'Europe/Paris')::date + interval '2 years', false) THEN
        RAISE EXCEPTION 'a hold is reviewed within two years' USING ERRCODE = 'check_violation';
    ELSIF desk IS NULL OR NOT accounts_acts(CASE WHEN lifts THEN NEW.lifted_by WHEN keeps THEN NEW.reviewed_by
            ELSE NEW.placed_by END, ARRAY['SUPERVISOR'], desk, since, '{}') THEN
        RAISE EXCEPTION 'who places, reviews or lifts a hold supervises the desk of its report'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION intake_hold_is_written() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT (CASE WHEN TG_OP = 'INSERT' THEN ledger_says_now('hold.place', NEW.report_id, NEW.placed_by)
            WHEN NEW.lifted_at IS NULL THEN ledger_says_now('hold.review', NEW.report_id, NEW.reviewed_by)
            ELSE ledger_says_now('hold.lift', NEW.report_id, NEW.lifted_by) END) THEN
        RAISE EXCEPTION 'who places, reviews or lifts a hold has their entry in the ledger'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
"""
BACK = """
CREATE OR REPLACE FUNCTION intake_hold_guard() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    desk CONSTANT integer := (SELECT desk_id FROM intake_report WHERE id = NEW.report_id);
    lifts CONSTANT boolean := TG_OP = 'UPDATE';
BEGIN
    IF lifts AND (OLD.lifted_at IS NOT NULL
            OR (NEW.id, NEW.report_id, NEW.placed_by, NEW.placed_at, NEW.motive)
            IS DISTINCT FROM (OLD.id, OLD.report_id, OLD.placed_by, OLD.placed_at, OLD.motive)) THEN
        RAISE EXCEPTION 'a hold stays as it was placed, and is lifted once'
            USING ERRCODE = 'restrict_violation';
    ELSIF lifts IS DISTINCT FROM (NEW.lifted_at IS NOT NULL) OR lifts AND btrim(NEW.lift_motive) = ''
            OR NEW.lifted_at < NEW.placed_at THEN
        RAISE EXCEPTION 'a hold is placed, and lifted afterwards, for a reason'
            USING ERRCODE = 'check_violation';
    ELSIF desk IS NULL OR NOT accounts_acts(CASE WHEN lifts THEN NEW.lifted_by ELSE NEW.placed_by END,
            ARRAY['SUPERVISOR'], desk, CASE WHEN lifts THEN NEW.lifted_at ELSE NEW.placed_at END, '{}') THEN
        RAISE EXCEPTION 'who places or lifts a hold supervises the desk of its report'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE FUNCTION intake_hold_is_written() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT ledger_says_now(CASE TG_OP WHEN 'INSERT' THEN 'hold.place' ELSE 'hold.lift' END, NEW.report_id,
            coalesce(NEW.lifted_by, NEW.placed_by)) THEN
        RAISE EXCEPTION 'who places or lifts a hold has their entry in the ledger'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
DROP INDEX intake_hold_due;
ALTER TABLE intake_hold DROP CONSTRAINT intake_hold_reviewed;
ALTER TABLE intake_hold DROP COLUMN review_on, DROP COLUMN reviewed_by, DROP COLUMN reviewed_at,
    DROP COLUMN review_motive;
"""


class Migration(migrations.Migration):
    """A hold placed earlier has no such day, and is listed as due until it gets one."""

    dependencies = [("intake", "0038_numbers_of_stored")]
    operations = [migrations.RunSQL(COLUMNS + GUARD, BACK)]
