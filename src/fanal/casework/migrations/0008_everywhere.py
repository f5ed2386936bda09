"""Lets a role that acts at every desk (an overseer) take the steps that its own operations cause.

Such a role has no desk in its habilitation. A transition names the roles that hold it at every desk in
`everywhere`, which `fanal migrate` fills from the rights of the operations that may cause it.
"""

from importlib import import_module

from django.db import migrations

_GUARD: str = import_module("fanal.casework.migrations.0005_proof_files").GUARD
_AT_ITS_DESK = "IF NOT accounts_acts(NEW.actor_id, taken.roles, act.desk_id, NEW.recorded_at, '{}') THEN"
_OR_AT_ALL = """IF NOT accounts_acts(NEW.actor_id, taken.roles, act.desk_id, NEW.recorded_at, '{}')
        AND NOT accounts_acts(NEW.actor_id, taken.everywhere, NULL, NEW.recorded_at, '{}') THEN"""
COLUMN = "ALTER TABLE casework_transition ADD COLUMN everywhere text[] NOT NULL DEFAULT '{}';"


class Migration(migrations.Migration):
    """`fanal migrate` fills the new column."""

    dependencies = [("casework", "0007_levels")]
    operations = [
        migrations.RunSQL(
            COLUMN + _GUARD.replace(_AT_ITS_DESK, _OR_AT_ALL),
            _GUARD + "ALTER TABLE casework_transition DROP COLUMN everywhere;",
        )
    ]
