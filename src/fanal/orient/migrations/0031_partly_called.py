"""Adds the delivery outcome PARTLY: a mail server accepted the call for some of the duty people only."""

from django.db import migrations

FORWARD = """
ALTER TABLE orient_call DROP CONSTRAINT orient_call_outcome;
ALTER TABLE orient_call ADD CONSTRAINT orient_call_outcome
    CHECK (outcome IN ('SENT', 'PARTLY', 'LEFT', 'GIVEN_UP', 'ANSWERED'));
"""
BACK = """
UPDATE orient_call SET outcome = 'SENT' WHERE outcome = 'PARTLY';
ALTER TABLE orient_call DROP CONSTRAINT orient_call_outcome;
ALTER TABLE orient_call ADD CONSTRAINT orient_call_outcome
    CHECK (outcome IN ('SENT', 'LEFT', 'GIVEN_UP', 'ANSWERED'));
"""


class Migration(migrations.Migration):
    """Replaces a constraint, to permit the outcome."""

    dependencies = [("orient", "0030_late_by_session")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
