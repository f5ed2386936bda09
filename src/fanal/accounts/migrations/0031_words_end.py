"""Lets expiry erase names and addresses on duty rosters, and sources of checks of emergency numbers.

A line of a roster ends when it is removed, after its last day, or with its desk. A check of a number ends
with the next check, or when it is no longer valid: 366 days later (`accounts.domain.public_info.COUNTS_FOR`).
"""

from django.db import migrations

FORWARD = """
CREATE OR REPLACE TRIGGER accounts_duty_append_only BEFORE UPDATE OR DELETE ON accounts_duty
    FOR EACH ROW EXECUTE FUNCTION fanal_words_end('name', 'address');
CREATE OR REPLACE TRIGGER accounts_help_line_append_only BEFORE UPDATE OR DELETE ON accounts_help_line
    FOR EACH ROW EXECUTE FUNCTION fanal_words_end('source');

CREATE OR REPLACE FUNCTION accounts_erase_words(before timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    gone integer;
    found integer;
BEGIN
    PERFORM set_config('fanal.erasing', 'on', true);
    UPDATE accounts_instruction_end e SET reason = '[…]' FROM accounts_instruction i
        WHERE i.id = e.instruction_id AND i.expires_at < before AND e.reason <> '[…]';
    UPDATE accounts_instruction SET grounds = '[…]' WHERE expires_at < before AND grounds <> '[…]';
    GET DIAGNOSTICS gone = ROW_COUNT;
    -- Two days after its last day a line has ended in every zone, a shift over midnight too.
    UPDATE accounts_duty d SET name = '[…]', address = '[…]'
        WHERE d.person_id IS NULL AND d.address <> '[…]' AND least(
            (SELECT e.ended_at FROM accounts_duty_end e WHERE e.line_id = d.id),
            (SELECT k.closed_at FROM accounts_desk k WHERE k.id = d.desk_id),
            (d.last_day + 2)::timestamp AT TIME ZONE 'UTC') < before;
    GET DIAGNOSTICS found = ROW_COUNT;
    gone := gone + found;
    UPDATE accounts_help_line h SET source = '[…]'
        WHERE h.source NOT IN ('', '[…]') AND least(
            (SELECT min(n.at) FROM accounts_help_line n
                WHERE n.number = h.number AND (n.at, n.id) > (h.at, h.id)),
            h.at + interval '366 days') < before;
    GET DIAGNOSTICS found = ROW_COUNT;
    gone := gone + found;
    PERFORM set_config('fanal.erasing', '', true);
    RETURN gone;
END
$$;
"""
BACKWARD = """
CREATE OR REPLACE FUNCTION accounts_erase_words(before timestamptz) RETURNS integer
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
CREATE OR REPLACE TRIGGER accounts_duty_append_only BEFORE UPDATE OR DELETE ON accounts_duty
    FOR EACH ROW EXECUTE FUNCTION accounts_append_only();
CREATE OR REPLACE TRIGGER accounts_help_line_append_only BEFORE UPDATE OR DELETE ON accounts_help_line
    FOR EACH ROW EXECUTE FUNCTION accounts_append_only();
"""


class Migration(migrations.Migration):
    """Written in SQL, like the other triggers; a process of the earlier version erases by it too."""

    dependencies = [("accounts", "0030_public_info")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
