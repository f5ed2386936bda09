"""Creates the functions that row-level security policies call: the session's desks, sender and scope (ADR 0012).

`accounts.row_scope` sets these for one transaction. If nothing is set, no row is visible.
"""

from django.db import migrations

SQL = """
CREATE FUNCTION fanal_desks() RETURNS integer[] LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(nullif(current_setting('fanal.desks', true), ''), '{}')::integer[]
$$;
CREATE FUNCTION fanal_sender() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('fanal.sender', true), '')::uuid
$$;
CREATE FUNCTION fanal_everywhere() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(current_setting('fanal.scope', true), '') = 'ALL'
$$;
CREATE FUNCTION fanal_oversees() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(current_setting('fanal.scope', true), '') IN ('ALL', 'OVERSIGHT')
$$;

-- The desks that a function of the owner may look at for its caller: what was asked for, within the bounds
-- where the caller is the app. NULL means all.
CREATE FUNCTION fanal_shown(wanted integer[]) RETURNS integer[] LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN session_user <> 'fanal_app' OR fanal_everywhere() THEN wanted
        WHEN wanted IS NULL THEN fanal_desks()
        ELSE ARRAY(SELECT unnest(wanted) INTERSECT SELECT unnest(fanal_desks())) END
$$;
"""

DROP = "DROP FUNCTION fanal_shown, fanal_oversees, fanal_everywhere, fanal_sender, fanal_desks;"


class Migration(migrations.Migration):
    """Creates functions; the policies that call them are in `db.row_security`."""

    dependencies = [("accounts", "0001_initial")]
    operations = [migrations.RunSQL(SQL, DROP)]
