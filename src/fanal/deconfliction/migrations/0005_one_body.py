"""Makes a counterpart one organisation whatever its key, and joins the withholdings of its registrations.

Until now an organisation with a new key was closed and registered again, under another id: dossiers withheld
from the first registration were compared again with the second, under the default limits. The withholdings of
a closed registration now apply to the last one of its name: the open one or, if all are closed, the one
closed last. If nobody has set limits since its registration, the narrower of both limits apply.
"""

from datetime import UTC, datetime

from django.db import migrations

from fanal.kernel.ids import new_id

SQL = """
ALTER TABLE deconfliction_counterpart ADD COLUMN keyed_at timestamptz;
UPDATE deconfliction_counterpart SET keyed_at = added_at;
ALTER TABLE deconfliction_counterpart ALTER COLUMN keyed_at SET NOT NULL;
CREATE TRIGGER deconfliction_counterpart_keyed_ahead
    BEFORE INSERT OR UPDATE OF keyed_at ON deconfliction_counterpart
    FOR EACH ROW EXECUTE FUNCTION accounts_refuse_ahead('keyed_at');

-- The keys that a counterpart had before the one in its row; none of them is accepted again.
CREATE TABLE deconfliction_former_key (
    counterpart_id uuid NOT NULL,
    public_key bytea NOT NULL,
    ended_at timestamptz NOT NULL,
    ended_by uuid NOT NULL,
    CONSTRAINT deconfliction_former_key_pkey PRIMARY KEY (public_key),
    CONSTRAINT deconfliction_former_key_of FOREIGN KEY (counterpart_id)
        REFERENCES deconfliction_counterpart (id),
    CONSTRAINT deconfliction_former_key_length CHECK (octet_length(public_key) = 32)
);
CREATE TRIGGER deconfliction_former_key_stays BEFORE UPDATE OR DELETE ON deconfliction_former_key
    FOR EACH ROW EXECUTE FUNCTION deconfliction_append_only();
CREATE TRIGGER deconfliction_former_key_ahead BEFORE INSERT ON deconfliction_former_key
    FOR EACH ROW EXECUTE FUNCTION accounts_refuse_ahead('ended_at');

-- How many decisions on sharing our message took into account; null for theirs.
ALTER TABLE deconfliction_message ADD COLUMN seen integer;

"""
_LAST = """(SELECT c.id FROM deconfliction_counterpart c WHERE c.name = o.name
        ORDER BY c.closed_at DESC NULLS FIRST, c.id DESC LIMIT 1)"""
JOIN = f"""
ALTER TABLE deconfliction_withholding DISABLE TRIGGER deconfliction_withholding_stays;
UPDATE deconfliction_withholding w SET counterpart_id = o.id
    FROM deconfliction_counterpart f JOIN deconfliction_counterpart o ON o.name = f.name
    WHERE f.id = w.counterpart_id AND f.id <> o.id AND o.id = {_LAST};
ALTER TABLE deconfliction_withholding ENABLE TRIGGER deconfliction_withholding_stays;
"""
BACK = """
DROP TABLE deconfliction_former_key;
ALTER TABLE deconfliction_message DROP COLUMN seen;
DROP TRIGGER deconfliction_counterpart_keyed_ahead ON deconfliction_counterpart;
ALTER TABLE deconfliction_counterpart DROP COLUMN keyed_at;
"""
_LIMITS = f"""
SELECT o.id, n.kinds, n.roles, n.desk_ids, n.months, b.kinds, b.roles, b.desk_ids, b.months, n.set_by
FROM deconfliction_counterpart o
CROSS JOIN LATERAL (SELECT l.* FROM deconfliction_limit l WHERE l.counterpart_id = o.id
    ORDER BY l.id DESC LIMIT 1) n
CROSS JOIN LATERAL (SELECT l.* FROM deconfliction_limit l
    JOIN deconfliction_counterpart f ON f.id = l.counterpart_id
    WHERE f.name = o.name AND f.id <> o.id ORDER BY l.id DESC LIMIT 1) b
WHERE o.id = {_LAST}
    AND (SELECT count(*) FROM deconfliction_limit l WHERE l.counterpart_id = o.id) = 1
"""


def narrow(apps: object, schema_editor: object) -> None:
    """Narrow the limits of a counterpart's last registration, as it was made, to those of the one before."""
    del apps
    with schema_editor.connection.cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(_LIMITS)
        for own, kinds, roles, desks, months, *before, set_by in cursor.fetchall():
            old_kinds, old_roles, old_desks, old_months = before
            now = datetime.now(UTC)
            cursor.execute(
                "INSERT INTO deconfliction_limit (id, counterpart_id, kinds, roles, desk_ids, months,"
                " set_by, set_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
                [
                    new_id(now),
                    own,
                    [kind for kind in kinds if kind in old_kinds] or old_kinds,
                    [role for role in roles if role in old_roles] or old_roles,
                    desks or old_desks,
                    min(months, old_months),
                    set_by,
                    now,
                ],
            )


class Migration(migrations.Migration):
    """Withholdings keep their id, author, reason and date; only the registration that they name changes."""

    dependencies = [("deconfliction", "0004_not_ahead")]
    operations = [
        migrations.RunSQL(SQL, BACK),
        migrations.RunSQL(JOIN, migrations.RunSQL.noop),
        migrations.RunPython(narrow, migrations.RunPython.noop),
    ]
