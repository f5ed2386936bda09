"""Records with each entry the database role that inserted it; public nodes insert by a function only.

`writer` is NULL in earlier entries; their leaves keep version 1.
"""

from django.db import migrations

SQL = r"""
ALTER TABLE ledger_entry ADD COLUMN writer text;
ALTER TABLE ledger_entry ALTER COLUMN writer SET DEFAULT session_user;
ALTER TABLE ledger_entry ADD CONSTRAINT ledger_entry_writer CHECK (length(writer) BETWEEN 1 AND 63);

-- The detail of an entry in its canonical form: sorted keys; codes and integers below 2^53, no words.
CREATE FUNCTION ledger_detail_of(detail jsonb) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = public, pg_temp AS $$
    SELECT CASE WHEN coalesce(bool_and(
        d.key ~ '^[a-z][a-z0-9_]{0,39}$' AND CASE jsonb_typeof(d.value)
            WHEN 'string' THEN d.value #>> '{}' ~ '^[A-Za-z0-9_.:/+=,-]{0,128}$'
            WHEN 'number' THEN d.value::text ~ '^-?[0-9]{1,16}$'
                AND abs(d.value::numeric) <= 9007199254740992
            ELSE false END), true)
        THEN '{' || coalesce(string_agg(
            to_jsonb(d.key)::text || ':' || d.value::text, ',' ORDER BY d.key COLLATE "C"), '') || '}'
        END
    FROM jsonb_each(detail) d
$$;

-- A body that is not the canonical encoding of its row would make the log unsound for ever.
CREATE FUNCTION ledger_check_body() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    tag CONSTANT bytea := convert_to(E'fanal/ledger-entry/v1\n', 'UTF8');
    said jsonb;
    wanted text;
BEGIN
    IF substr(NEW.body, 1, length(tag)) = tag THEN
        said := convert_from(substr(NEW.body, length(tag) + 1), 'UTF8')::jsonb;
        IF jsonb_typeof(said) = 'object' AND jsonb_typeof(said -> 'detail') = 'object'
            AND NEW.action ~ '^[a-z_]+\.[a-z_]+$'
            AND coalesce(said ->> 'motive', repeat('0', 32)) ~ '^[0-9a-f]{32}$'
            AND said #>> '{objects,count}' ~ '^[0-9]{1,9}$'
            AND said #>> '{objects,root}' ~ '^[0-9a-f]{64}$'
        THEN
            wanted := '{"action":"' || NEW.action || '","actor":"' || NEW.actor_id || '","at":"'
                || to_char(NEW.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
                || '","detail":' || ledger_detail_of(said -> 'detail') || ',"id":"' || NEW.id
                || '","motive":' || coalesce('"' || (said ->> 'motive') || '"', 'null')
                || ',"objects":{"count":' || (said #>> '{objects,count}') || ',"root":"'
                || (said #>> '{objects,root}') || '"},"partner":'
                || coalesce('"' || (said ->> 'partner')::uuid || '"', 'null')
                || ',"verb":"' || NEW.verb || '"}';
        END IF;
    END IF;
    IF wanted IS NULL OR tag || convert_to(wanted, 'UTF8') <> NEW.body THEN
        RAISE EXCEPTION 'the body of entry % is not the encoding of its row', NEW.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER ledger_entry_body BEFORE INSERT ON ledger_entry
    FOR EACH ROW EXECUTE FUNCTION ledger_check_body();

-- The Merkle root (RFC 6962) over objects in the order of their bytes, as `canonical.object_root`.
CREATE FUNCTION ledger_root_of(kinds text[], objects uuid[], digests bytea[]) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE SET search_path = public, pg_temp AS $$
DECLARE
    nodes bytea[];
BEGIN
    SELECT array_agg(sha256('\x00'::bytea || o.data) ORDER BY o.data) INTO nodes FROM (
        SELECT convert_to('fanal/ledger-object/v1', 'UTF8') || '\x00'::bytea
            || set_byte('\x00'::bytea, 0, octet_length(kind)) || convert_to(kind, 'UTF8')
            || uuid_send(object) || coalesce(digest, ''::bytea) AS data
        FROM unnest(kinds, objects, digests) AS given (kind, object, digest)) o;
    IF nodes IS NULL THEN
        RETURN sha256(''::bytea);
    END IF;
    WHILE cardinality(nodes) > 1 LOOP
        SELECT array_agg(CASE WHEN right_hand IS NULL THEN left_hand
                              ELSE sha256('\x01'::bytea || left_hand || right_hand) END ORDER BY pair)
        INTO nodes FROM (
            SELECT (n - 1) / 2 AS pair, (array_agg(node ORDER BY n))[1] AS left_hand,
                (array_agg(node ORDER BY n))[2] AS right_hand
            FROM unnest(nodes) WITH ORDINALITY AS level (node, n) GROUP BY 1) pairs;
    END LOOP;
    RETURN nodes[1];
END
$$;

-- The only way in for a public node: its own acts, in the name of the public or of a partner's program,
-- at about this time, without a motive; entry and objects in one statement, each saying what the other says.
CREATE FUNCTION ledger_record(entry uuid, at timestamptz, actor uuid, act text, verb text, body bytea,
    kinds text[], objects uuid[], digests bytea[]) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    said jsonb;
    partner uuid;
BEGIN
    INSERT INTO ledger_entry (id, at, actor_id, action, verb, body)
    VALUES (entry, at, actor, act, verb, body);
    said := convert_from(substr(body, 1 + length(E'fanal/ledger-entry/v1\n')), 'UTF8')::jsonb;
    partner := (said ->> 'partner')::uuid;
    IF (act, verb) NOT IN (
            ('report.collect', 'COLLECTION'), ('report.upload', 'COLLECTION'),
            ('report.describe', 'COLLECTION'), ('report.finish', 'COLLECTION'),
            ('report.retract', 'MODIFICATION'), ('message.receive', 'COLLECTION'),
            ('case.close', 'MODIFICATION'), ('feedback.send', 'COMMUNICATION'))
        OR (act = 'case.close' AND said -> 'detail' <> '{"move": "withdraw"}')
        OR said ->> 'motive' IS NOT NULL
        OR EXISTS (SELECT FROM unnest(kinds) k (kind)
                   WHERE k.kind IS NULL OR k.kind NOT IN ('report', 'message', 'instruction'))
    THEN
        RAISE EXCEPTION 'a public node does not write %', act USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF partner IS NULL
        THEN IF actor <> '00000000-0000-7000-8000-000000000002'
                 OR act NOT IN ('report.collect', 'message.receive') THEN
            RAISE EXCEPTION 'a public node writes % in nobody else''s name', act
                USING ERRCODE = 'insufficient_privilege';
        END IF;
    ELSIF act = 'message.receive' OR NOT accounts_is_program(actor, partner) THEN
        RAISE EXCEPTION 'no program of % writes as %', partner, actor
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF at NOT BETWEEN clock_timestamp() - interval '6 hours' AND clock_timestamp() + interval '5 minutes'
    THEN
        RAISE EXCEPTION 'an entry of % is written at %', at, clock_timestamp()
            USING ERRCODE = 'datetime_field_overflow';
    END IF;
    -- The id carries the instant, which is the order of every list (a millisecond for rounding).
    IF abs(('x' || left(replace(entry::text, '-', ''), 12))::bit(48)::bigint
           - floor(extract(epoch FROM at) * 1000)) > 1
        OR cardinality(kinds) <> (said #>> '{objects,count}')::integer
        OR cardinality(kinds) <> cardinality(objects) OR cardinality(kinds) <> cardinality(digests)
        OR ledger_root_of(kinds, objects, digests) <> decode(said #>> '{objects,root}', 'hex')
    THEN
        RAISE EXCEPTION 'entry % and its objects do not agree', entry USING ERRCODE = 'check_violation';
    END IF;
    INSERT INTO ledger_object (entry_id, object_id, kind, digest)
    SELECT entry, given.object, given.kind, given.digest
    FROM unnest(kinds, objects, digests) AS given (kind, object, digest);
END
$$;
"""


class Migration(migrations.Migration):
    """Not reversible: an entry's writer is part of the signed data."""

    dependencies = [("ledger", "0001_initial")]
    operations = [migrations.RunSQL(SQL, migrations.RunSQL.noop)]
