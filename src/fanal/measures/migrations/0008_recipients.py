"""Ties the first contact to the recipient of a request, not to the host name of the page.

A provider has many host names: informed under one of them, it counted as never informed under the others;
and a request to another provider than the one informed counted as announced.
"""

from django.db import migrations

FUNCTIONS = """
-- As `Request.recipient`: the contact point, or the host until one is given.
CREATE FUNCTION measures_recipient(asked jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(nullif(lower(btrim(asked #>> '{addressee,contact}')), ''), asked ->> 'host')
$$;

CREATE OR REPLACE FUNCTION measures_document_read() RETURNS trigger LANGUAGE plpgsql
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
        OR (NEW.revision > 1 AND NOT EXISTS (SELECT FROM measures_request WHERE act_id = NEW.act_id))
        OR EXISTS (SELECT FROM measures_request
            WHERE act_id = NEW.act_id AND (host, kind) <> (asked ->> 'host', asked ->> 'kind')) THEN
        RAISE EXCEPTION 'the bytes of a measure name its host, its id and its revision'
            USING ERRCODE = 'check_violation';
    END IF;
    INSERT INTO measures_request (act_id, kind, host, recipient, digest, author_id, created_at)
        SELECT act.id, asked ->> 'kind', asked ->> 'host', measures_recipient(asked), NEW.digest, NEW.author_id,
            act.created_at
        WHERE NEW.revision = 1;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION measures_step_taken() RETURNS trigger LANGUAGE plpgsql
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
    UPDATE measures_request r SET digest = d.digest, author_id = d.author_id,
        recipient = measures_recipient(convert_from(d.content, 'UTF8')::jsonb -> 'request')
    FROM casework_document d
    WHERE NEW.transition = 'amend' AND r.act_id = NEW.act_id AND d.act_id = NEW.act_id
        AND d.revision = NEW.revision;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION measures_erase_words(erased uuid[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    recipients text[];
BEGIN
    PERFORM set_config('fanal.erasing', 'on', true);
    SELECT array_agg(DISTINCT recipient) INTO recipients FROM measures_request WHERE act_id = ANY (erased);
    UPDATE measures_answer a SET words = '[…]' FROM measures_recommendation r
        WHERE r.id = a.recommendation_id AND r.measure_id = ANY (erased);
    UPDATE measures_recommendation SET words = '[…]' WHERE measure_id = ANY (erased);
    DELETE FROM measures_target WHERE measure_id = ANY (erased);
    UPDATE measures_request SET host = '', recipient = '' WHERE act_id = ANY (erased);
    DELETE FROM measures_contact c WHERE c.recipient = ANY (recipients)
        AND NOT EXISTS (SELECT FROM measures_request r WHERE r.recipient = c.recipient);
    PERFORM set_config('fanal.erasing', '', true);
END $$;
"""
# What was told under a host name was told to whom requests about that host went.
MOVE = """
ALTER TABLE measures_request ADD COLUMN recipient text NOT NULL DEFAULT '';
UPDATE measures_request r SET recipient = coalesce((
    SELECT measures_recipient(convert_from(d.content, 'UTF8')::jsonb -> 'request') FROM casework_document d
    WHERE d.act_id = r.act_id ORDER BY d.revision DESC LIMIT 1), r.host);
ALTER TABLE measures_request ALTER COLUMN recipient DROP DEFAULT;
CREATE INDEX measures_request_recipient ON measures_request (recipient, sent_at);
ALTER TABLE measures_contact RENAME COLUMN host TO recipient;
INSERT INTO measures_contact (recipient, informed_at, informed_by, proof)
SELECT DISTINCT ON (r.recipient) r.recipient, c.informed_at, c.informed_by, c.proof
FROM measures_contact c JOIN measures_request r ON r.host = c.recipient
WHERE r.recipient <> '' ORDER BY r.recipient, c.informed_at ON CONFLICT DO NOTHING;
"""


class Migration(migrations.Migration):
    """Not reversible: a recipient cannot be converted back to a host name."""

    dependencies = [("measures", "0007_first_bytes"), ("casework", "0005_proof_files")]
    operations = [migrations.RunSQL(FUNCTIONS + MOVE)]
