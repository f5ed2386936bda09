"""Adds list metadata (owner, confidence, legal basis, ...) and tables of changes, votes, matches, suspensions."""

from django.db import migrations

FORWARD = """
ALTER TABLE analyse_list
    ADD COLUMN owner_id uuid,
    ADD COLUMN scheme text NOT NULL DEFAULT '',
    ADD COLUMN category text NOT NULL DEFAULT '',
    ADD COLUMN confidence smallint NOT NULL DEFAULT 100,
    ADD COLUMN legal_basis text NOT NULL DEFAULT '',
    ADD COLUMN scope text NOT NULL DEFAULT 'MATCH',
    ADD COLUMN sharing text NOT NULL DEFAULT 'PARTNERS',
    ADD COLUMN description text NOT NULL DEFAULT '',
    ADD CONSTRAINT analyse_list_owner FOREIGN KEY (owner_id) REFERENCES accounts_organisation (id),
    ADD CONSTRAINT analyse_list_confidence CHECK (confidence BETWEEN 0 AND 100),
    ADD CONSTRAINT analyse_list_scope CHECK (scope IN ('MATCH', 'CLEAR')),
    ADD CONSTRAINT analyse_list_sharing CHECK (sharing IN ('DESK', 'AUTHORITIES', 'PARTNERS'));
-- What was listed before lists had a scope says itself what it is.
UPDATE analyse_list l SET scope = 'CLEAR'
    WHERE EXISTS (SELECT FROM analyse_entry e WHERE e.list_id = l.id AND e.scope = 'CLEAR')
    AND NOT EXISTS (SELECT FROM analyse_entry e WHERE e.list_id = l.id AND e.scope = 'MATCH');

-- A change belongs to one list. Entries older than the numbers (0003) all have the first: one each now.
WITH shared AS (
    SELECT d.change, d.list_id, row_number() OVER (ORDER BY d.change, d.list_id) AS n
    FROM (SELECT DISTINCT change, list_id FROM analyse_entry) d
    WHERE EXISTS (SELECT FROM analyse_entry o WHERE o.change = d.change AND o.list_id < d.list_id)
), top AS (SELECT max(change) AS number FROM analyse_entry)
UPDATE analyse_entry e SET change = top.number + shared.n FROM shared, top
    WHERE e.change = shared.change AND e.list_id = shared.list_id;

CREATE TABLE analyse_change (
    number bigint NOT NULL,
    list_id uuid NOT NULL,
    at timestamptz NOT NULL,
    actor_id uuid,
    added integer NOT NULL DEFAULT 0,
    changed integer NOT NULL DEFAULT 0,
    withdrawn integer NOT NULL DEFAULT 0,
    CONSTRAINT analyse_change_pkey PRIMARY KEY (number),
    CONSTRAINT analyse_change_list FOREIGN KEY (list_id) REFERENCES analyse_list (id)
);
CREATE INDEX analyse_change_of_list ON analyse_change (list_id, number);
INSERT INTO analyse_change (number, list_id, at, added, withdrawn)
    SELECT change, min(list_id::text)::uuid, max(coalesce(withdrawn_at, added_at)),
        count(*) FILTER (WHERE withdrawn_at IS NULL), count(withdrawn_at)
    FROM analyse_entry GROUP BY change;
CREATE INDEX analyse_entry_feed ON analyse_entry (change, item_id);

CREATE TABLE analyse_vote (
    seq bigint GENERATED ALWAYS AS IDENTITY,
    list_id uuid NOT NULL,
    item_id uuid NOT NULL,
    kind text NOT NULL,
    voter text NOT NULL,
    voter_id uuid NOT NULL,
    vote text NOT NULL,
    reason text NOT NULL,
    voted_at timestamptz NOT NULL,
    CONSTRAINT analyse_vote_pkey PRIMARY KEY (seq),
    CONSTRAINT analyse_vote_list FOREIGN KEY (list_id) REFERENCES analyse_list (id),
    CONSTRAINT analyse_vote_voter CHECK (voter IN ('MEMBER', 'PERSON')),
    CONSTRAINT analyse_vote_vote CHECK (vote IN ('UP', 'DOWN'))
);
CREATE INDEX analyse_vote_item ON analyse_vote (item_id, voter_id, seq DESC);
CREATE FUNCTION analyse_vote_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a vote stays' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER analyse_vote_stays BEFORE UPDATE OR DELETE ON analyse_vote
    FOR EACH ROW EXECUTE FUNCTION analyse_vote_keep();

-- How many reports met an entry, hour by hour: numbers, no report. The item of zeros counts all reports.
-- Several rows an hour, so that batches that run beside each other never wait for one another.
CREATE TABLE analyse_match (
    item_id uuid NOT NULL,
    hour timestamptz NOT NULL,
    lane smallint NOT NULL,
    reports integer NOT NULL,
    CONSTRAINT analyse_match_pkey PRIMARY KEY (item_id, hour, lane)
);
CREATE INDEX analyse_match_hour ON analyse_match (hour);

CREATE TABLE analyse_aside (
    id uuid NOT NULL,
    list_id uuid NOT NULL,
    item_id uuid NOT NULL,
    since timestamptz NOT NULL,
    matched integer NOT NULL,
    hours integer NOT NULL,
    rule text NOT NULL,
    ended_at timestamptz,
    outcome text,
    ended_by uuid,
    reason text,
    CONSTRAINT analyse_aside_pkey PRIMARY KEY (id),
    CONSTRAINT analyse_aside_list FOREIGN KEY (list_id) REFERENCES analyse_list (id),
    CONSTRAINT analyse_aside_end CHECK (
        (ended_at IS NULL) = (outcome IS NULL) AND (ended_at IS NULL) = (ended_by IS NULL)
        AND (ended_at IS NULL) = (reason IS NULL)),
    CONSTRAINT analyse_aside_outcome CHECK (outcome IN ('RELEASED', 'WITHDRAWN'))
);
CREATE UNIQUE INDEX analyse_aside_open ON analyse_aside (item_id) WHERE ended_at IS NULL;
CREATE INDEX analyse_aside_item ON analyse_aside (item_id, since);
"""

BACKWARD = """
DROP TABLE analyse_aside, analyse_match, analyse_vote, analyse_change;
DROP FUNCTION analyse_vote_keep;
DROP INDEX analyse_entry_feed;
ALTER TABLE analyse_list
    DROP COLUMN owner_id, DROP COLUMN scheme, DROP COLUMN category, DROP COLUMN confidence,
    DROP COLUMN legal_basis, DROP COLUMN scope, DROP COLUMN sharing, DROP COLUMN description;
"""


class Migration(migrations.Migration):
    """Adds columns to a table, and creates four tables."""

    dependencies = [("analyse", "0003_changes"), ("accounts", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
