"""Lets only a supervisor place a legal hold, and lift it once, each with a ledger entry.

Nothing else of a hold can be changed.
"""

from django.db import migrations

SQL = """
CREATE FUNCTION intake_hold_guard() RETURNS trigger LANGUAGE plpgsql
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
CREATE TRIGGER intake_hold_guard BEFORE INSERT OR UPDATE ON intake_hold
    FOR EACH ROW EXECUTE FUNCTION intake_hold_guard();
CREATE TRIGGER intake_hold_kept BEFORE TRUNCATE ON intake_hold
    FOR EACH STATEMENT EXECUTE FUNCTION intake_append_only();

-- The entry is written after the row, in its transaction: looked for when that ends.
CREATE FUNCTION intake_hold_is_written() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT ledger_says_now(CASE TG_OP WHEN 'INSERT' THEN 'hold.place' ELSE 'hold.lift' END, NEW.report_id,
            coalesce(NEW.lifted_by, NEW.placed_by)) THEN
        RAISE EXCEPTION 'who places or lifts a hold has their entry in the ledger'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER intake_hold_written AFTER INSERT OR UPDATE ON intake_hold
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION intake_hold_is_written();

CREATE TRIGGER intake_message_ahead BEFORE INSERT ON intake_message
    FOR EACH ROW WHEN (NEW.author_id IS NOT NULL) EXECUTE FUNCTION accounts_refuse_ahead('created_at');
"""
BACK = """
DROP TRIGGER intake_message_ahead ON intake_message;
DROP TRIGGER intake_hold_written ON intake_hold;
DROP TRIGGER intake_hold_kept ON intake_hold;
DROP TRIGGER intake_hold_guard ON intake_hold;
DROP FUNCTION intake_hold_is_written, intake_hold_guard;
"""


class Migration(migrations.Migration):
    """Stored rows are not checked; expiry can still delete the holds of erased reports."""

    dependencies = [
        ("intake", "0031_short_receipts"),
        ("accounts", "0020_no_act_ahead"),
        ("ledger", "0006_entries_of_this_transaction"),
    ]
    operations = [migrations.RunSQL(SQL, BACK)]
