"""Forbids the desk's database role to erase sealed objects, except the short-lived keys of de-confliction."""

from django.db import migrations

_GUARD = """
CREATE FUNCTION vault_object_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the desk erases no sealed object of kind %: expiry does', OLD.kind
        USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER vault_object_is_kept BEFORE UPDATE ON vault_object
    FOR EACH ROW WHEN (
        current_user = 'fanal_app' AND OLD.kind NOT IN ('deconfliction_key', 'deconfliction_round')
    ) EXECUTE FUNCTION vault_object_is_kept();
"""
_UNDO = "DROP TRIGGER vault_object_is_kept ON vault_object; DROP FUNCTION vault_object_is_kept()"


class Migration(migrations.Migration):
    """The wrapped keys of evidence are changed by the worker's role only (expiry, key rotation)."""

    dependencies = [("vault", "0004_keys")]
    operations = [migrations.RunSQL(_GUARD, _UNDO)]
