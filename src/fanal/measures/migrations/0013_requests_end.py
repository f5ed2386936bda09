"""Refuses to check or keep a blocking whose removal request is executed, ended or suspended.

Reading its state needs no lock: the steps of both acts lock the case of their report first.
"""

from importlib import import_module

from django.db import migrations

_STEP: str = import_module("fanal.measures.migrations.0012_doubts_end").STEP
_END = "    RETURN NEW;\nEND $$;"
_REMOVAL = """    IF NEW.transition IN ('check', 'keep') AND (SELECT state FROM casework_act WHERE id = known.removal_id)
            IN ('SUSPENDED', 'EXECUTED', 'LIFTED', 'WITHDRAWN', 'ANNULLED') THEN
        RAISE EXCEPTION 'the removal request does not last' USING ERRCODE = 'check_violation';
    END IF;
"""


class Migration(migrations.Migration):
    """Blockings already kept stay in force until their check, which is refused."""

    dependencies = [("measures", "0012_doubts_end")]
    operations = [migrations.RunSQL(_STEP.replace(_END, _REMOVAL + _END), _STEP)]
