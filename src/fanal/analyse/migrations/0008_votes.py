"""Adds the further reasons of a vote on a list entry, and the withdrawal of a vote."""

from django.db import migrations

FORWARD = """
ALTER TABLE analyse_vote
    ADD COLUMN others text[] NOT NULL DEFAULT '{}',
    DROP CONSTRAINT analyse_vote_vote,
    ADD CONSTRAINT analyse_vote_vote CHECK (vote IN ('UP', 'DOWN', 'TAKEN_BACK'));
"""
# Of a vote that was taken back nothing else can stay: without it the one before would count again.
BACKWARD = """
ALTER TABLE analyse_vote DISABLE TRIGGER analyse_vote_stays;
DELETE FROM analyse_vote v USING analyse_vote t
    WHERE t.vote = 'TAKEN_BACK' AND v.item_id = t.item_id AND v.voter_id = t.voter_id AND v.seq <= t.seq;
ALTER TABLE analyse_vote ENABLE TRIGGER analyse_vote_stays;
ALTER TABLE analyse_vote
    DROP COLUMN others,
    DROP CONSTRAINT analyse_vote_vote,
    ADD CONSTRAINT analyse_vote_vote CHECK (vote IN ('UP', 'DOWN'));
"""


class Migration(migrations.Migration):
    """Adds a column to the table of votes, and permits a further kind of vote."""

    dependencies = [("analyse", "0007_payments")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
