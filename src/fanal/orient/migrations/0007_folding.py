"""Adds folding of duplicates: keys, folds and judgements, the state FOLDED, and the head report of a case."""

from django.db import migrations

FORWARD = """
-- Keys of the reports that may fold and that nobody has decided on. `level` is where a report was folded into
-- `parent` (1 to 5), 0 while it stands; keys are those of `orient/domain/folding.py`.
CREATE TABLE orient_fold (
    report_id uuid NOT NULL,
    desk_id integer NOT NULL,
    level smallint NOT NULL DEFAULT 0,
    parent uuid,
    file_key bytea,
    near_key bytea,
    account_key bytea,
    event_key bytea,
    viral_key bytea,
    pictures bytea NOT NULL,
    CONSTRAINT orient_fold_pkey PRIMARY KEY (report_id),
    CONSTRAINT orient_fold_parent CHECK ((level = 0) = (parent IS NULL)),
    CONSTRAINT orient_fold_level CHECK (level BETWEEN 0 AND 5)
);
-- Who stands for a key: few rows a key, however many were folded into them.
CREATE INDEX orient_fold_file ON orient_fold (file_key)
    WHERE file_key IS NOT NULL AND (level = 0 OR level > 1);
-- Near is no equality: a report that comes in late may be nearer to one that was folded into a later one.
CREATE INDEX orient_fold_near ON orient_fold (near_key, report_id)
    WHERE near_key IS NOT NULL AND level <> 1;
CREATE INDEX orient_fold_account ON orient_fold (account_key)
    WHERE account_key IS NOT NULL AND (level = 0 OR level > 3);
CREATE INDEX orient_fold_event ON orient_fold (event_key)
    WHERE event_key IS NOT NULL AND (level = 0 OR level > 4);
-- A viral bundle counts its members: a few of them are read too.
CREATE INDEX orient_fold_viral ON orient_fold (viral_key, level, report_id)
    WHERE viral_key IS NOT NULL AND level IN (0, 5);
CREATE INDEX orient_fold_members ON orient_fold (parent) WHERE parent IS NOT NULL;

ALTER TABLE orient_case ADD COLUMN head_id uuid;
ALTER TABLE orient_case ADD COLUMN folded integer NOT NULL DEFAULT 0;
-- What the row said of its own report before a folded one lifted it; NULL while nothing did.
ALTER TABLE orient_case ADD COLUMN own jsonb;
-- Until when the owner of the newest address of a suspect can be asked; NULL where nobody knows.
ALTER TABLE orient_case ADD COLUMN ask_before timestamptz;
ALTER TABLE orient_case DROP CONSTRAINT orient_case_state;
ALTER TABLE orient_case ADD CONSTRAINT orient_case_state CHECK (
    state IN ('TO_ASSESS', 'CLAIMED', 'FOLDED', 'TO_SECOND', 'DECIDED', 'CLOSED', 'WITHDRAWN'));
ALTER TABLE orient_case ADD CONSTRAINT orient_case_folded CHECK (
    (state = 'FOLDED') = (head_id IS NOT NULL) AND (state <> 'FOLDED' OR folded = 0));
CREATE INDEX orient_case_members ON orient_case (head_id, rank, report_id) WHERE head_id IS NOT NULL;

-- A person said that a report stands for itself: kept for ever, its words expire.
CREATE TABLE orient_unfolding (
    id uuid NOT NULL,
    report_id uuid NOT NULL,
    desk_id integer NOT NULL,
    head_id uuid NOT NULL,
    author_id uuid NOT NULL,
    judged_at timestamptz NOT NULL,
    digest bytea NOT NULL,
    CONSTRAINT orient_unfolding_pkey PRIMARY KEY (id)
);
CREATE INDEX orient_unfolding_report ON orient_unfolding (report_id);
CREATE TABLE orient_unfolding_words (
    unfolding_id uuid NOT NULL,
    words text NOT NULL,
    CONSTRAINT orient_unfolding_words_pkey PRIMARY KEY (unfolding_id),
    CONSTRAINT orient_unfolding_words_of FOREIGN KEY (unfolding_id) REFERENCES orient_unfolding (id)
);
CREATE TRIGGER orient_unfolding_frozen BEFORE UPDATE OR DELETE ON orient_unfolding
    FOR EACH ROW EXECUTE FUNCTION orient_append_only();
CREATE TRIGGER orient_unfolding_kept BEFORE TRUNCATE ON orient_unfolding
    FOR EACH STATEMENT EXECUTE FUNCTION orient_append_only();
CREATE TRIGGER orient_unfolding_words_frozen BEFORE UPDATE ON orient_unfolding_words
    FOR EACH ROW EXECUTE FUNCTION orient_append_only();

-- The row of a head says the highest priority and the nearest clocks of its job.
CREATE FUNCTION orient_refresh_heads(heads uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE orient_case h SET
        folded = job.n,
        own = CASE WHEN job.n = 0 THEN NULL ELSE mine.own END,
        rank = top.rank, floor = top.floor, level = top.level, urgent = top.urgent,
        reason = top.reason, reason_parameters = top.reason_parameters,
        due_at = CASE WHEN h.state = 'TO_ASSESS' AND h.claim_token = 0
                      THEN least((mine.own->>'due_at')::timestamptz, job.due_at) ELSE h.due_at END,
        ask_before = least((mine.own->>'ask_before')::timestamptz, job.ask_before)
    FROM orient_case o
    CROSS JOIN LATERAL (SELECT coalesce(o.own, jsonb_build_object(
        'rank', o.rank, 'floor', o.floor, 'level', o.level, 'urgent', o.urgent, 'reason', o.reason,
        'reason_parameters', o.reason_parameters, 'due_at', o.due_at, 'ask_before', o.ask_before)) AS own) mine
    CROSS JOIN LATERAL (SELECT count(*) AS n, min(m.due_at) AS due_at, min(m.ask_before) AS ask_before
        FROM orient_case m WHERE m.head_id = o.report_id) job
    CROSS JOIN LATERAL (
        SELECT * FROM (
            (SELECT m.rank, m.floor, m.level, m.urgent, m.reason, m.reason_parameters, 1 AS place
             FROM orient_case m WHERE m.head_id = o.report_id ORDER BY m.rank, m.report_id LIMIT 1)
            UNION ALL
            SELECT (mine.own->>'rank')::smallint, mine.own->>'floor', mine.own->>'level',
                   (mine.own->>'urgent')::boolean, mine.own->>'reason', mine.own->'reason_parameters', 0
        ) choice ORDER BY choice.rank, choice.place LIMIT 1) top
    WHERE o.report_id = ANY (heads) AND h.report_id = o.report_id AND o.state <> 'FOLDED'
      AND (job.n > 0 OR o.own IS NOT NULL);
END
$$;

-- Nothing stays hidden behind a report that left the queue, whoever took it out and however.
CREATE FUNCTION orient_release_folded() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    freed uuid[];
BEGIN
    DELETE FROM orient_fold WHERE report_id = NEW.report_id;
    freed := ARRAY(SELECT m.report_id FROM orient_case m WHERE m.head_id = NEW.report_id
        UNION SELECT f.report_id FROM orient_fold f WHERE f.parent = NEW.report_id);
    UPDATE orient_fold SET level = 0, parent = NULL WHERE report_id = ANY (freed);
    UPDATE orient_case SET state = 'TO_ASSESS', head_id = NULL
    WHERE report_id = ANY (freed) AND state = 'FOLDED';
    IF OLD.head_id IS NOT NULL THEN
        PERFORM orient_refresh_heads(ARRAY[OLD.head_id]);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER orient_case_releases AFTER UPDATE OF state ON orient_case FOR EACH ROW
    WHEN (NEW.state <> OLD.state AND NEW.state IN ('TO_SECOND', 'DECIDED', 'CLOSED', 'WITHDRAWN'))
    EXECUTE FUNCTION orient_release_folded();

CREATE OR REPLACE FUNCTION orient_withdraw(report uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE orient_case c SET state = 'WITHDRAWN', claimed_by = NULL, lease_until = NULL, head_id = NULL
    WHERE c.report_id = report AND c.state IN ('TO_ASSESS', 'CLAIMED', 'FOLDED');
    RETURN FOUND;
END
$$;
"""

BACKWARD = """
DROP TRIGGER orient_case_releases ON orient_case;
UPDATE orient_case SET state = 'TO_ASSESS', head_id = NULL WHERE state = 'FOLDED';
CREATE OR REPLACE FUNCTION orient_withdraw(report uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE orient_case c SET state = 'WITHDRAWN', claimed_by = NULL, lease_until = NULL
    WHERE c.report_id = report AND c.state IN ('TO_ASSESS', 'CLAIMED');
    RETURN FOUND;
END
$$;
DROP FUNCTION orient_release_folded, orient_refresh_heads;
DROP TABLE orient_unfolding_words, orient_unfolding, orient_fold;
ALTER TABLE orient_case DROP CONSTRAINT orient_case_folded, DROP CONSTRAINT orient_case_state,
    DROP COLUMN head_id, DROP COLUMN folded, DROP COLUMN own, DROP COLUMN ask_before;
ALTER TABLE orient_case ADD CONSTRAINT orient_case_state CHECK (
    state IN ('TO_ASSESS', 'CLAIMED', 'TO_SECOND', 'DECIDED', 'CLOSED', 'WITHDRAWN'));
"""


class Migration(migrations.Migration):
    """Written in SQL, like the package's other tables (unmanaged models)."""

    dependencies = [("orient", "0006_feedback")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
