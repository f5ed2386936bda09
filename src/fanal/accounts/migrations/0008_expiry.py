"""Lets expiry erase the texts of standing instructions, by a definer function: the only permitted update.

The signatures of two people, and their dates, are kept.
"""

from django.db import migrations

FORWARD = """
-- Guards a table whose rows stay and whose words end. The trigger's arguments name the columns of words; only
-- a function of the table's owner that sets `fanal.erasing` meanwhile may empty them; a table without such
-- columns loses rows. An emptied text reads `[…]`.
CREATE FUNCTION fanal_words_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('fanal.erasing', true) = 'on' AND current_user =
        (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = TG_RELID) THEN
        IF TG_OP = 'DELETE' AND TG_NARGS = 0 THEN
            RETURN OLD;
        END IF;
        IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - TG_ARGV = to_jsonb(OLD) - TG_ARGV AND NOT EXISTS (
            SELECT FROM unnest(TG_ARGV) AS c WHERE c <> 'erased_at'
                AND coalesce(to_jsonb(NEW) ->> c, '') NOT IN ('', '[]', '[…]', '\\x')) THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;

CREATE OR REPLACE TRIGGER accounts_instruction_append_only BEFORE UPDATE OR DELETE ON accounts_instruction
    FOR EACH ROW EXECUTE FUNCTION fanal_words_end('grounds');
CREATE OR REPLACE TRIGGER accounts_instruction_end_append_only BEFORE UPDATE OR DELETE
    ON accounts_instruction_end FOR EACH ROW EXECUTE FUNCTION fanal_words_end('reason');

CREATE FUNCTION accounts_erase_words(before timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    gone integer;
BEGIN
    PERFORM set_config('fanal.erasing', 'on', true);
    UPDATE accounts_instruction_end e SET reason = '[…]' FROM accounts_instruction i
        WHERE i.id = e.instruction_id AND i.expires_at < before AND e.reason <> '[…]';
    UPDATE accounts_instruction SET grounds = '[…]' WHERE expires_at < before AND grounds <> '[…]';
    GET DIAGNOSTICS gone = ROW_COUNT;
    PERFORM set_config('fanal.erasing', '', true);
    RETURN gone;
END
$$;
"""
BACKWARD = """
DROP FUNCTION accounts_erase_words;
CREATE OR REPLACE TRIGGER accounts_instruction_append_only BEFORE UPDATE OR DELETE ON accounts_instruction
    FOR EACH ROW EXECUTE FUNCTION accounts_append_only();
CREATE OR REPLACE TRIGGER accounts_instruction_end_append_only BEFORE UPDATE OR DELETE
    ON accounts_instruction_end FOR EACH ROW EXECUTE FUNCTION accounts_append_only();
DROP FUNCTION fanal_words_end;
"""


class Migration(migrations.Migration):
    """Written in SQL, like the other triggers."""

    dependencies = [("accounts", "0007_programs")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
