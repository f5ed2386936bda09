"""Moves measures to the common tables of casework, and drops their own tables and guards."""

from django.db import migrations

_GUARDED = ("casework_act", "casework_document", "casework_step", "casework_approval")
# Rows of the past were guarded as they came in; who took their steps may have left office since.
QUIET = "".join(f"ALTER TABLE {table} DISABLE TRIGGER USER;" for table in _GUARDED)
AWAKE = "".join(f"ALTER TABLE {table} ENABLE TRIGGER USER;" for table in _GUARDED)

TABLE = """
-- What a measure is beside its act, written by the triggers below alone. `digest` is that of the present bytes,
-- which `author_id` wrote, and outlives them.
CREATE TABLE measures_request (
    act_id uuid NOT NULL,
    kind text NOT NULL,
    host text NOT NULL,
    digest bytea NOT NULL,
    author_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    submitted_at timestamptz,
    approved_at timestamptz,
    sent_at timestamptz,
    received_at timestamptz,
    executed_at timestamptz,
    CONSTRAINT measures_request_pkey PRIMARY KEY (act_id),
    CONSTRAINT measures_request_act FOREIGN KEY (act_id) REFERENCES casework_act (id),
    CONSTRAINT measures_request_author FOREIGN KEY (author_id) REFERENCES accounts_person (id),
    CONSTRAINT measures_request_kind CHECK (kind IN ('REMOVAL', 'BLOCKING', 'DEREFERENCING'))
);
CREATE INDEX measures_request_host ON measures_request (host, sent_at);
"""

MOVE = """
INSERT INTO casework_kind (kind, initial, proposers) VALUES ('measure', 'DRAFT', '{}') ON CONFLICT DO NOTHING;
INSERT INTO casework_act (id, kind, desk_id, subject_id, report_ids, decision_id, state, addressee, basis, level,
        revision, author_id, created_at, sent_at)
    SELECT m.id, 'measure', m.desk_id, m.report_id, ARRAY[m.report_id], m.decision_id, m.state,
        coalesce(said.request #>> '{addressee,kind}', 'HOST'),
        convert_to(CASE WHEN said.request IS NULL THEN '[]' ELSE jsonb_build_array(jsonb_build_object(
            'code', said.request ->> 'offence', 'entry_id', said.request ->> 'offence_entry',
            'opens_measures', true))::text END, 'UTF8'),
        m.level, m.revision, m.proposer_id, m.created_at, m.sent_at
    FROM measures_measure m CROSS JOIN LATERAL (SELECT CASE WHEN m.erased_at IS NULL
        THEN convert_from(m.request, 'UTF8')::jsonb -> 'request' END AS request) said;
-- Of earlier revisions only digests were kept, by those who signed them.
INSERT INTO casework_document (act_id, revision, content, author_id, written_at)
    SELECT m.id, m.revision, m.request, m.author_id, coalesce((
        SELECT max(s.recorded_at) FROM measures_step s WHERE s.measure_id = m.id AND s.move = 'amend'), m.created_at)
    FROM measures_measure m WHERE m.erased_at IS NULL;
-- Each amendment made one revision.
INSERT INTO casework_step (id, act_id, transition, source, target, revision, actor_id, happened_at, recorded_at,
        db_at, addressee, reason, proof, proof_digest, warnings, lapsed_at)
    SELECT s.id, s.measure_id, s.move, s.source, s.target,
        1 + count(*) FILTER (WHERE s.move = 'amend') OVER (PARTITION BY s.measure_id ORDER BY s.db_at, s.id),
        s.actor_id, s.happened_at, s.recorded_at, s.db_at, a.addressee, s.cause, s.proof, s.proof_digest,
        s.warnings, s.ground_gone_at
    FROM measures_step s JOIN casework_act a ON a.id = s.measure_id;
INSERT INTO casework_approval (act_id, revision, verdict, digest, approver_id, approved_at, reason, warnings)
    SELECT measure_id, revision, verdict, digest, approver_id, at, reason, warnings FROM measures_approval;
INSERT INTO measures_request (act_id, kind, host, digest, author_id, created_at, submitted_at, approved_at,
        sent_at, received_at, executed_at)
    SELECT id, kind, host, digest, author_id, created_at, submitted_at, approved_at, sent_at, received_at,
        executed_at FROM measures_measure;

-- `fanal migrate` makes them again, on the acts.
DROP POLICY IF EXISTS app_rows ON measures_target;
ALTER TABLE measures_target DROP CONSTRAINT measures_target_measure,
    ADD CONSTRAINT measures_target_measure FOREIGN KEY (measure_id) REFERENCES casework_act (id);
ALTER TABLE measures_recommendation DROP CONSTRAINT measures_recommendation_measure,
    ADD CONSTRAINT measures_recommendation_measure FOREIGN KEY (measure_id) REFERENCES casework_act (id);
DROP FUNCTION measures_erase_words;
DROP TABLE measures_step, measures_approval, measures_measure;
DROP FUNCTION measures_guard, measures_approval_guard, measures_bound, measures_approver_in_office,
    measures_step_guard, measures_take_step;
"""

GUARDS = """
-- The bytes of a measure name its number, their revision, its kind and its one host: these are read from them.
CREATE FUNCTION measures_document_read() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    act casework_act;
    asked jsonb;
BEGIN
    SELECT * INTO act FROM casework_act WHERE id = NEW.act_id AND kind = 'measure';
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    BEGIN
        asked := convert_from(NEW.content, 'UTF8')::jsonb -> 'request';
    EXCEPTION WHEN data_exception THEN
        asked := NULL;
    END;
    IF (asked ->> 'measure_id', asked ->> 'revision') IS DISTINCT FROM (NEW.act_id::text, NEW.revision::text)
        OR num_nulls(asked ->> 'host', asked ->> 'kind') > 0
        OR EXISTS (SELECT FROM measures_request
            WHERE act_id = NEW.act_id AND (host, kind) <> (asked ->> 'host', asked ->> 'kind')) THEN
        RAISE EXCEPTION 'the bytes of a measure name its host, its id and its revision'
            USING ERRCODE = 'check_violation';
    END IF;
    INSERT INTO measures_request (act_id, kind, host, digest, author_id, created_at)
        SELECT act.id, asked ->> 'kind', asked ->> 'host', NEW.digest, NEW.author_id, act.created_at
        WHERE NEW.revision = 1;
    RETURN NULL;
END $$;
CREATE TRIGGER measures_document_read AFTER INSERT ON casework_document
    FOR EACH ROW EXECUTE FUNCTION measures_document_read();

-- The only writer of instants and of who wrote the present bytes.
CREATE FUNCTION measures_step_taken() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE measures_request SET
        submitted_at = CASE WHEN NEW.transition = 'submit' THEN NEW.happened_at
            WHEN NEW.transition IN ('amend', 'refuse') THEN NULL ELSE submitted_at END,
        approved_at = CASE NEW.transition WHEN 'approve' THEN NEW.happened_at WHEN 'amend' THEN NULL
            ELSE approved_at END,
        sent_at = CASE WHEN NEW.transition IN ('send', 'leave') THEN NEW.happened_at ELSE sent_at END,
        received_at = CASE NEW.transition WHEN 'receive' THEN NEW.happened_at ELSE received_at END,
        executed_at = CASE NEW.transition WHEN 'execute' THEN NEW.happened_at ELSE executed_at END
    WHERE act_id = NEW.act_id;
    UPDATE measures_request r SET digest = d.digest, author_id = d.author_id FROM casework_document d
    WHERE NEW.transition = 'amend' AND r.act_id = NEW.act_id AND d.act_id = NEW.act_id
        AND d.revision = NEW.revision;
    RETURN NULL;
END $$;
CREATE TRIGGER measures_step_taken AFTER INSERT ON casework_step
    FOR EACH ROW EXECUTE FUNCTION measures_step_taken();

CREATE TRIGGER measures_request_kept BEFORE DELETE ON measures_request
    FOR EACH ROW EXECUTE FUNCTION measures_append_only();
CREATE TRIGGER measures_request_whole BEFORE TRUNCATE ON measures_request
    FOR EACH STATEMENT EXECUTE FUNCTION measures_append_only();

-- Expiry's own, beside that of the act: hosts, keys of addresses and oversight's words.
CREATE FUNCTION measures_erase_words(erased uuid[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    hosts text[];
BEGIN
    PERFORM set_config('fanal.erasing', 'on', true);
    SELECT array_agg(DISTINCT host) INTO hosts FROM measures_request WHERE act_id = ANY (erased);
    UPDATE measures_answer a SET words = '[…]' FROM measures_recommendation r
        WHERE r.id = a.recommendation_id AND r.measure_id = ANY (erased);
    UPDATE measures_recommendation SET words = '[…]' WHERE measure_id = ANY (erased);
    DELETE FROM measures_target WHERE measure_id = ANY (erased);
    UPDATE measures_request SET host = '' WHERE act_id = ANY (erased);
    DELETE FROM measures_contact c WHERE c.host = ANY (hosts)
        AND NOT EXISTS (SELECT FROM measures_request r WHERE r.host = c.host);
    PERFORM set_config('fanal.erasing', '', true);
END $$;
"""


class Migration(migrations.Migration):
    """Not reversible: the earlier tables are dropped."""

    dependencies = [("measures", "0005_steps"), ("casework", "0003_reasons")]
    operations = [migrations.RunSQL(QUIET + TABLE + MOVE + AWAKE + GUARDS)]
