"""Creates the table of saved views of the queue: people's own, and those that a supervisor shares."""

from django.db import migrations

SQL = """
CREATE TABLE orient_view (
    id uuid NOT NULL,
    desk_id integer NOT NULL,
    person_id uuid NOT NULL, -- who kept it
    shared boolean NOT NULL,
    name text NOT NULL,
    folded text NOT NULL, -- the name as names are compared: two that differ by capitals are one
    view text NOT NULL,
    kind text NOT NULL DEFAULT '',
    channel text NOT NULL DEFAULT '',
    country text NOT NULL DEFAULT '',
    level text NOT NULL DEFAULT '',
    saved_at timestamptz NOT NULL,
    CONSTRAINT orient_view_pkey PRIMARY KEY (id),
    CONSTRAINT orient_view_name CHECK (char_length(name) BETWEEN 1 AND 60)
);
CREATE UNIQUE INDEX orient_view_own ON orient_view (desk_id, person_id, folded) WHERE NOT shared;
CREATE UNIQUE INDEX orient_view_shared ON orient_view (desk_id, folded) WHERE shared;
"""


class Migration(migrations.Migration):
    """Written in SQL, like the package's other tables (unmanaged models)."""

    dependencies = [("orient", "0003_public_node")]
    operations = [migrations.RunSQL(SQL, "DROP TABLE orient_view")]
