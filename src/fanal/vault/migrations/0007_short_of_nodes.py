"""Limits the length of what a public node states about a sealed object, to protect log and memory."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION vault_refuse_long() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'a public node says little of what it seals' USING ERRCODE = 'check_violation';
END
$$;
CREATE TRIGGER vault_object_of_node BEFORE INSERT ON vault_object FOR EACH ROW
    WHEN (session_user = 'fanal_intake' AND (octet_length(NEW.wrapped_key) > 1000
        OR octet_length(NEW.wrap_key_id) > 100 OR octet_length(NEW.kind) > 100 OR NEW.size < 0 OR NEW.length < 0))
    EXECUTE FUNCTION vault_refuse_long();
"""
BACK = """
DROP TRIGGER vault_object_of_node ON vault_object;
DROP FUNCTION vault_refuse_long;
"""


class Migration(migrations.Migration):
    """Adds a trigger to one table."""

    dependencies = [("vault", "0006_erasure_list")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
