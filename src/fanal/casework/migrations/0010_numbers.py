"""Gives each official act a number such as M-2026-0007, the stored ones in the order of their drafts."""

from django.db import migrations

from fanal.db.numbering import ACTS


class Migration(migrations.Migration):
    """One transaction: an act is drafted by a person, so there are few."""

    dependencies = [("casework", "0009_approved_after"), ("intake", "0037_numbers")]
    operations = [migrations.RunSQL(ACTS.create + ACTS.give_stored, ACTS.drop)]
