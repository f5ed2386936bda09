"""Creates the tables of the exchange of lists: feed of changes, its readers, sources and progress of fetching."""

from django.db import migrations

CREATE = """
-- The one counter of the feed. Whoever changes a list holds the lock of `exchange_take` to the end of the
-- transaction: places are given in the order in which they commit, and a reader who waits for that lock once
-- misses nothing that has a place already.
CREATE TABLE exchange_clock (
    one boolean NOT NULL DEFAULT true,
    seq bigint NOT NULL,
    at timestamptz NOT NULL,
    CONSTRAINT exchange_clock_pkey PRIMARY KEY (one),
    CONSTRAINT exchange_clock_one CHECK (one)
);
INSERT INTO exchange_clock (seq, at) VALUES (0, '1970-01-01T00:00:00Z');

-- One row for the places that were given together; the time of a place is `at` and a microsecond more each.
CREATE TABLE exchange_change (
    last_seq bigint NOT NULL,
    first_seq bigint NOT NULL,
    at timestamptz NOT NULL,
    CONSTRAINT exchange_change_pkey PRIMARY KEY (last_seq)
);
CREATE INDEX exchange_change_at ON exchange_change (at);

-- Every time an item of a list changed. Earlier rows stay: a reader under way still finds the item.
CREATE TABLE exchange_feed (
    list_id uuid NOT NULL,
    seq bigint NOT NULL,
    item_id uuid NOT NULL,
    CONSTRAINT exchange_feed_pkey PRIMARY KEY (list_id, seq)
);
CREATE INDEX exchange_feed_item ON exchange_feed (item_id, seq);

CREATE FUNCTION exchange_take(wanted bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE last bigint; ended timestamptz;
BEGIN
    PERFORM pg_advisory_xact_lock(7310420011);
    UPDATE exchange_clock SET seq = seq + wanted,
        at = greatest(clock_timestamp(), at + interval '1 microsecond')
            + (wanted - 1) * interval '1 microsecond'
        RETURNING seq, at INTO last, ended;
    INSERT INTO exchange_change (last_seq, first_seq, at)
        VALUES (last, last - wanted + 1, ended - (wanted - 1) * interval '1 microsecond');
    RETURN last - wanted + 1;
END
$$;

CREATE FUNCTION exchange_note(lists uuid[], items uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE first bigint; wanted bigint := coalesce(array_length(items, 1), 0);
BEGIN
    IF wanted > 0 THEN
        first := exchange_take(wanted);
        INSERT INTO exchange_feed (list_id, seq, item_id)
            SELECT n.list_id, first + n.place - 1, n.item_id
            FROM unnest(lists, items) WITH ORDINALITY AS n (list_id, item_id, place);
    END IF;
END
$$;

CREATE FUNCTION exchange_entries_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM exchange_note(array_agg(n.list_id), array_agg(n.item_id))
        FROM (SELECT DISTINCT list_id, item_id FROM fresh ORDER BY list_id, item_id) n;
    RETURN NULL;
END
$$;
CREATE TRIGGER exchange_added AFTER INSERT ON analyse_entry
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION exchange_entries_added();

-- A value that only got another number of change says nothing new.
CREATE FUNCTION exchange_entries_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM exchange_note(array_agg(n.list_id), array_agg(n.item_id))
        FROM (
            SELECT DISTINCT f.list_id, f.item_id FROM fresh f JOIN old o ON o.id = f.id
            WHERE (f.kind, f.value, f.classification, f.scope, f.withdrawn_at)
                IS DISTINCT FROM (o.kind, o.value, o.classification, o.scope, o.withdrawn_at)
            ORDER BY f.list_id, f.item_id
        ) n;
    RETURN NULL;
END
$$;
CREATE TRIGGER exchange_changed AFTER UPDATE ON analyse_entry
    REFERENCING OLD TABLE AS old NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION exchange_entries_changed();

-- What is set aside is not served until a person has looked at it; votes are told with their entry. Noted at the end of the transaction, so
-- that the clock is the last thing that it waits for.
CREATE FUNCTION exchange_item_said() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM exchange_note(ARRAY[NEW.list_id], ARRAY[NEW.item_id]);
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER exchange_aside AFTER INSERT OR UPDATE ON analyse_aside
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION exchange_item_said();
CREATE CONSTRAINT TRIGGER exchange_voted AFTER INSERT ON analyse_vote
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION exchange_item_said();

SELECT exchange_note(array_agg(n.list_id), array_agg(n.item_id)) FROM (
    SELECT list_id, item_id FROM analyse_entry GROUP BY list_id, item_id ORDER BY max(change), item_id
) n;

-- Members have a number on the wire; the desk is the first.
CREATE TABLE exchange_member (
    id integer GENERATED ALWAYS AS IDENTITY,
    organisation_id uuid,
    CONSTRAINT exchange_member_pkey PRIMARY KEY (id),
    CONSTRAINT exchange_member_organisation UNIQUE NULLS NOT DISTINCT (organisation_id),
    CONSTRAINT exchange_member_known FOREIGN KEY (organisation_id) REFERENCES accounts_organisation (id)
);
INSERT INTO exchange_member (organisation_id) VALUES (NULL);

-- Since when a member may read a list: it then gets all of it, however old its entries are.
CREATE TABLE exchange_grant (
    partner_id uuid NOT NULL,
    list_id uuid NOT NULL,
    since_seq bigint NOT NULL,
    since timestamptz NOT NULL,
    CONSTRAINT exchange_grant_pkey PRIMARY KEY (partner_id, list_id)
);

-- How far a member has read over a service, and what went wrong last.
CREATE TABLE exchange_reading (
    partner_id uuid NOT NULL,
    service text NOT NULL,
    list_id uuid,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    last_seq bigint NOT NULL DEFAULT 0,
    completed_at timestamptz,
    responses bigint NOT NULL DEFAULT 0,
    entries bigint NOT NULL DEFAULT 0,
    error text NOT NULL DEFAULT '',
    error_at timestamptz,
    CONSTRAINT exchange_reading_one UNIQUE NULLS NOT DISTINCT (partner_id, service, list_id),
    CONSTRAINT exchange_reading_service CHECK (service IN ('HASHSHARING', 'TAXII'))
);

CREATE TABLE exchange_source (
    id uuid NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    url text NOT NULL,
    collection text NOT NULL DEFAULT '',
    login text NOT NULL DEFAULT '',
    secret_id uuid,
    secret_file text NOT NULL DEFAULT '',
    list_id uuid NOT NULL,
    every_minutes integer NOT NULL,
    enabled boolean NOT NULL DEFAULT true,
    added_at timestamptz NOT NULL,
    added_by uuid NOT NULL,
    CONSTRAINT exchange_source_pkey PRIMARY KEY (id),
    CONSTRAINT exchange_source_name UNIQUE (name),
    CONSTRAINT exchange_source_list FOREIGN KEY (list_id) REFERENCES analyse_list (id),
    CONSTRAINT exchange_source_kind CHECK (kind IN ('HASHSHARING', 'TAXII')),
    CONSTRAINT exchange_source_pace CHECK (every_minutes BETWEEN 1 AND 10080)
);

-- Written in the transaction of the page that it covers.
CREATE TABLE exchange_checkpoint (
    source_id uuid NOT NULL,
    position text NOT NULL DEFAULT '',
    turn bigint NOT NULL DEFAULT 0,
    pages bigint NOT NULL DEFAULT 0,
    taken bigint NOT NULL DEFAULT 0,
    withdrawn bigint NOT NULL DEFAULT 0,
    page_at timestamptz,
    completed_at timestamptz,
    tried_at timestamptz,
    error text NOT NULL DEFAULT '',
    error_at timestamptz,
    CONSTRAINT exchange_checkpoint_pkey PRIMARY KEY (source_id),
    CONSTRAINT exchange_checkpoint_source FOREIGN KEY (source_id) REFERENCES exchange_source (id)
);

-- Which item of ours an entry of a source became, and what it held.
CREATE TABLE exchange_taken (
    source_id uuid NOT NULL,
    remote text NOT NULL,
    item_id uuid NOT NULL,
    held text[] NOT NULL,
    classification text NOT NULL DEFAULT '',
    CONSTRAINT exchange_taken_pkey PRIMARY KEY (source_id, remote),
    CONSTRAINT exchange_taken_source FOREIGN KEY (source_id) REFERENCES exchange_source (id)
);
CREATE INDEX exchange_taken_held ON exchange_taken USING gin (held);
"""

DROP = """
DROP TABLE exchange_taken, exchange_checkpoint, exchange_source, exchange_reading, exchange_grant,
    exchange_member;
DROP TRIGGER exchange_voted ON analyse_vote;
DROP TRIGGER exchange_aside ON analyse_aside;
DROP TRIGGER exchange_changed ON analyse_entry;
DROP TRIGGER exchange_added ON analyse_entry;
DROP FUNCTION exchange_item_said, exchange_entries_changed, exchange_entries_added, exchange_note,
    exchange_take;
DROP TABLE exchange_feed, exchange_change, exchange_clock;
"""


class Migration(migrations.Migration):
    """Creates tables and triggers; the triggers record each change of a list entry in the feed."""

    initial = True
    dependencies = [("analyse", "0004_lists"), ("accounts", "0004_instructions")]
    operations = [migrations.RunSQL(CREATE, DROP)]
