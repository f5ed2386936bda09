"""Creates the function by which trigger functions ask whether the vault holds an object for its owner."""

from django.db import migrations

FORWARD = """
-- With the rights of the caller, which are those of the guard that asks.
CREATE FUNCTION vault_holds(object uuid, owner uuid, of_kind text, digest bytea, plain_size bigint)
RETURNS boolean LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM vault_object
        WHERE id = object AND owner_id = owner AND kind = of_kind AND sha256 = digest AND size = plain_size
          AND wrapped_key IS NOT NULL)
$$;
"""
BACKWARD = "DROP FUNCTION vault_holds;"


class Migration(migrations.Migration):
    """The function returns false for an erased object."""

    dependencies = [("vault", "0007_short_of_nodes")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
