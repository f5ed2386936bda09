"""Adds the indexes of the inbox of official acts: by state and level in order, and the steps of a person."""

from django.db import migrations

INDEXES = """
CREATE INDEX casework_act_inbox ON casework_act (kind, desk_id, state, level, created_at, id);
CREATE INDEX casework_act_awaited ON casework_act (kind, desk_id, state, level, sent_at, id)
    WHERE sent_at IS NOT NULL;
CREATE INDEX casework_step_actor ON casework_step (actor_id, act_id);
"""
WITHOUT = "DROP INDEX casework_act_inbox, casework_act_awaited, casework_step_actor"


class Migration(migrations.Migration):
    """Creates the indexes; no table changes."""

    dependencies = [("casework", "0005_proof_files")]
    operations = [migrations.RunSQL(INDEXES, WITHOUT)]
