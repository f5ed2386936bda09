"""Ends the lines of a duty roster when its desk is closed, and a line whose texts expiry erases."""

from importlib import import_module

from django.db import migrations

_BEFORE: str = import_module("fanal.accounts.migrations.0031_words_end").FORWARD
_ERASE = _BEFORE[_BEFORE.index("CREATE OR REPLACE FUNCTION accounts_erase_words") :]
_COUNTED = """    GET DIAGNOSTICS found = ROW_COUNT;
    gone := gone + found;
    UPDATE accounts_help_line"""
_END_ERASED = """    INSERT INTO accounts_duty_end (line_id, ended_by, ended_at)
        SELECT id, '00000000-0000-7000-8000-000000000001', now() FROM accounts_duty
        WHERE address = '[…]' ON CONFLICT DO NOTHING;
"""
_ROSTER = """
-- End the lines of a closed desk that are left, and return them; a desk that is open keeps its own.
CREATE FUNCTION accounts_end_roster(desk integer, author uuid, instant timestamptz)
RETURNS TABLE (line uuid, said_kind text, said_rank smallint, person uuid)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH ended AS (
        INSERT INTO accounts_duty_end (line_id, ended_by, ended_at)
            SELECT d.id, author, instant FROM accounts_duty d
            JOIN accounts_desk k ON k.id = d.desk_id AND k.closed_at IS NOT NULL
            WHERE d.desk_id = desk ORDER BY d.id
            ON CONFLICT DO NOTHING RETURNING line_id)
    SELECT d.id, d.kind, d.rank, d.person_id FROM ended JOIN accounts_duty d ON d.id = line_id ORDER BY d.id
$$;
"""
STORED = """
INSERT INTO accounts_duty_end (line_id, ended_by, ended_at)
    SELECT d.id, '00000000-0000-7000-8000-000000000001', now() FROM accounts_duty d
    JOIN accounts_desk k ON k.id = d.desk_id
    WHERE d.address = '[…]' OR k.closed_at IS NOT NULL ON CONFLICT DO NOTHING;
"""
FORWARD = _ROSTER + _ERASE.replace(_COUNTED, _COUNTED.replace("    UPDATE", _END_ERASED + "    UPDATE")) + STORED
BACKWARD = "DROP FUNCTION accounts_end_roster;" + _ERASE


class Migration(migrations.Migration):
    """Adds functions; an earlier version closes a desk without its roster, which ends at its reopening."""

    dependencies = [("accounts", "0031_words_end")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
