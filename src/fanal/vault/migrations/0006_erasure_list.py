"""Forbids the desk's database role to extend the list of erasures, except by keys of de-confliction.

These keys are short-lived.
"""

from django.db import migrations

# A restored backup replays the list: whoever writes to it has the evidence erased by the next restore.
_GUARD = """
CREATE FUNCTION vault_erasure_is_expirys() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the desk lists no erasure of kind ''%'': expiry does', NEW.kind
        USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER vault_erasure_is_expirys BEFORE INSERT ON vault_erasure
    FOR EACH ROW WHEN (
        current_user = 'fanal_app' AND NEW.kind NOT IN ('deconfliction_key', 'deconfliction_round')
    ) EXECUTE FUNCTION vault_erasure_is_expirys();
"""
_UNDO = "DROP TRIGGER vault_erasure_is_expirys ON vault_erasure; DROP FUNCTION vault_erasure_is_expirys()"


class Migration(migrations.Migration):
    """Other objects are added to the list by the worker's role only, when it erases their keys."""

    dependencies = [("vault", "0005_erasing")]
    operations = [migrations.RunSQL(_GUARD, _UNDO)]
