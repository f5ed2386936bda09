"""Adds the targets of measures by comparison key, the warnings displayed, and when the legal basis lapsed."""

from django.db import migrations

from fanal.measures.domain.letters import read_request
from fanal.measures.domain.warnings import target_key

SQL = """
CREATE TABLE measures_target (
    key uuid NOT NULL,
    measure_id uuid NOT NULL,
    revision integer NOT NULL,
    CONSTRAINT measures_target_pkey PRIMARY KEY (key, measure_id, revision),
    CONSTRAINT measures_target_measure FOREIGN KEY (measure_id) REFERENCES measures_measure (id)
);
CREATE TRIGGER measures_target_frozen BEFORE UPDATE OR DELETE ON measures_target
    FOR EACH ROW EXECUTE FUNCTION measures_append_only();
CREATE TRIGGER measures_target_kept BEFORE TRUNCATE ON measures_target
    FOR EACH STATEMENT EXECUTE FUNCTION measures_append_only();

-- Whoever submits or seconds although warnings stand writes why.
ALTER TABLE measures_approval ADD COLUMN warnings jsonb NOT NULL DEFAULT '[]',
    ADD CONSTRAINT measures_approval_warned CHECK (warnings = '[]' OR reason ~ '[^[:space:]]');
ALTER TABLE measures_step ADD COLUMN warnings jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN ground_gone_at timestamptz,
    ADD CONSTRAINT measures_step_warned CHECK (warnings = '[]' OR cause ~ '[^[:space:]]'),
    ADD CONSTRAINT measures_step_left CHECK ((move = 'leave') = (ground_gone_at IS NOT NULL));
CREATE INDEX measures_step_gone ON measures_step (measure_id) WHERE ground_gone_at IS NOT NULL;
"""
DROP = """
ALTER TABLE measures_step DROP COLUMN warnings, DROP COLUMN ground_gone_at;
ALTER TABLE measures_approval DROP COLUMN warnings;
DROP TABLE measures_target;
"""


def note_targets(apps, schema_editor):
    """Insert the keys of the present targets of all measures; of earlier revisions only a digest was kept."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT id, revision, request FROM measures_measure")
        for measure_id, revision, request in cursor.fetchall():
            keys = {target_key(address) for address in read_request(bytes(request)).targets}
            cursor.executemany(
                "INSERT INTO measures_target (key, measure_id, revision) VALUES (%s, %s, %s)",
                [(key, measure_id, revision) for key in sorted(keys)],
            )


class Migration(migrations.Migration):
    """Written in SQL, like the other tables of measures (unmanaged models)."""

    dependencies = [("measures", "0002_oversight")]
    operations = [
        migrations.RunSQL(SQL, DROP),
        migrations.RunPython(note_targets, migrations.RunPython.noop),
    ]
