"""Refuses to keep a blocking once the longest time in which its doubt may be answered has passed.

That time depends on the act's level, and is a row of `measures_doubt_delay`, which `fanal migrate` writes from
the desk's delays. It is exact for delays in minutes or hours; one in working days is taken at its longest.
"""

from importlib import import_module

from django.db import migrations

_GUARDS: str = import_module("fanal.measures.migrations.0011_blocking").GUARDS
_FIRST = _GUARDS.index("CREATE FUNCTION measures_blocking_step()")
_STEP = _GUARDS[_FIRST : _GUARDS.index("-- Its name puts it after casework_step_guard")].replace(
    "CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1
)
_FIXED = "OR NEW.recorded_at >= known.doubted_at + interval '31 days') THEN  -- the desk's longest delay"
_BY_LEVEL = """OR known.doubted_at IS NOT NULL AND NEW.recorded_at >= known.doubted_at + coalesce(
            (SELECT longest FROM measures_doubt_delay WHERE level = act.level), interval '0')) THEN"""
STEP = _STEP.replace(_FIXED, _BY_LEVEL)
TABLE = """
CREATE TABLE measures_doubt_delay (
    level text NOT NULL,
    longest interval NOT NULL,
    CONSTRAINT measures_doubt_delay_pkey PRIMARY KEY (level)
);
"""


class Migration(migrations.Migration):
    """`fanal migrate` fills the table."""

    dependencies = [("measures", "0011_blocking")]
    operations = [
        migrations.RunSQL(
            TABLE + STEP, _STEP + "DROP TABLE measures_doubt_delay;"
        )
    ]
