"""Creates the function that returns the id of the standing instruction in force for a transmission (decision 30)."""

from django.db import migrations

SQL = """
CREATE FUNCTION accounts_standing(of_kind text, of_name text, at timestamptz) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT i.id FROM accounts_instruction i
    JOIN accounts_instruction_second s ON s.instruction_id = i.id
    LEFT JOIN accounts_instruction_end e ON e.instruction_id = i.id
    WHERE i.kind = of_kind AND i.valid_from <= at AND i.expires_at > at AND s.seconded_at <= at
      AND (e.revoked_at IS NULL OR e.revoked_at > at)
      AND (i.names = '{}' OR i.names @> ARRAY[of_name])
    ORDER BY i.names DESC, i.expires_at DESC, i.id LIMIT 1
$$;
"""


class Migration(migrations.Migration):
    """Creates an SQL function. A public node can thus cite an instruction without access to its text."""

    dependencies = [("accounts", "0004_instructions")]
    operations = [migrations.RunSQL(SQL, "DROP FUNCTION accounts_standing")]
