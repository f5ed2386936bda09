"""Creates the tables of a desk's labelled examples and of the text reader's versions; two people activate one."""

from django.db import migrations

FORWARD = """
-- A passage of a report that people judged. Its words are in the vault, sealed for the report; only a neutral
-- sentence, written by one person and checked by another, stands here and outlives the report.
CREATE TABLE analyse_example (
    id uuid NOT NULL,
    report_id uuid NOT NULL,
    source text NOT NULL,
    digest bytea NOT NULL,  -- keyed: the passage, if the text of its place changes
    lang text NOT NULL,
    object_id uuid NOT NULL,
    made_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'OPEN',
    rewriter_id uuid,
    rewritten_object uuid,
    checker_id uuid,
    checked_at timestamptz,
    neutral text NOT NULL DEFAULT '',
    CONSTRAINT analyse_example_pkey PRIMARY KEY (id),
    CONSTRAINT analyse_example_state CHECK (state IN ('OPEN', 'REWRITTEN', 'NEUTRALISED', 'ERASED')),
    CONSTRAINT analyse_example_neutral CHECK ((state = 'NEUTRALISED') = (neutral <> '')
        AND length(neutral) <= 600),
    CONSTRAINT analyse_example_two_people CHECK (state <> 'NEUTRALISED'
        OR rewriter_id IS NOT NULL AND checker_id IS NOT NULL AND checker_id <> rewriter_id)
);
CREATE UNIQUE INDEX analyse_example_passage ON analyse_example (report_id, source, digest);
CREATE INDEX analyse_example_rewritten ON analyse_example (id) WHERE state = 'REWRITTEN';

-- What a person says of a code in a passage. The last word of each person on each code counts.
CREATE TABLE analyse_judgement (
    seq bigint GENERATED ALWAYS AS IDENTITY,
    example_id uuid NOT NULL,
    code text NOT NULL,
    verdict text NOT NULL,
    engine text NOT NULL,
    person_id uuid NOT NULL,
    judged_at timestamptz NOT NULL,
    CONSTRAINT analyse_judgement_pkey PRIMARY KEY (seq),
    CONSTRAINT analyse_judgement_example FOREIGN KEY (example_id) REFERENCES analyse_example (id),
    CONSTRAINT analyse_judgement_verdict CHECK (verdict IN ('RIGHT', 'WRONG', 'MISSED', 'TAKEN_BACK'))
);
CREATE INDEX analyse_judgement_of ON analyse_judgement (example_id);
CREATE INDEX analyse_judgement_at ON analyse_judgement (judged_at);

CREATE FUNCTION analyse_example_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.report_id, NEW.source, NEW.digest, NEW.object_id) IS DISTINCT FROM
        (OLD.id, OLD.report_id, OLD.source, OLD.digest, OLD.object_id) OR OLD.state IN ('NEUTRALISED', 'ERASED') THEN
        RAISE EXCEPTION 'an example keeps its passage, and its end' USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.state = 'NEUTRALISED' AND NOT (OLD.state = 'REWRITTEN'
        AND NEW.rewritten_object = OLD.rewritten_object AND NEW.rewriter_id = OLD.rewriter_id
        AND accounts_acts(NEW.checker_id, ARRAY['ANALYST', 'SUPERVISOR'], NULL, NEW.checked_at, '{}')) THEN
        RAISE EXCEPTION 'a second person checks a neutral sentence' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER analyse_example_guard BEFORE UPDATE ON analyse_example
    FOR EACH ROW EXECUTE FUNCTION analyse_example_guard();

-- A version of the text reader. The one that comes with the program has no bytes here.
-- `trial` is its comparison with the version in force (JSON), down to the report `reached`.
CREATE TABLE analyse_reader (
    id uuid NOT NULL,
    version text NOT NULL,
    header bytea,
    weights bytea,
    digest bytea,
    card bytea,
    author_id uuid NOT NULL,
    trained_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'TRAINED',
    proposer_id uuid,
    proposed_at timestamptz,
    reached uuid,
    trial bytea,
    tried_at timestamptz,
    reread_from timestamptz,
    reread_reached uuid,
    reread_queued integer NOT NULL DEFAULT 0,
    reread_at timestamptz,
    CONSTRAINT analyse_reader_pkey PRIMARY KEY (id),
    CONSTRAINT analyse_reader_version UNIQUE (version),
    CONSTRAINT analyse_reader_state CHECK (state IN ('TRAINED', 'PROPOSED', 'IN_FORCE', 'REPLACED')),
    CONSTRAINT analyse_reader_bytes CHECK ((header IS NULL) = (weights IS NULL)
        AND (digest IS NULL) = (weights IS NULL)),
    CONSTRAINT analyse_reader_digest CHECK (digest = sha256(weights))
);
CREATE UNIQUE INDEX analyse_reader_one ON analyse_reader (state) WHERE state = 'IN_FORCE';

-- What a version learnt from the passages of a report: sealed for that report, and erased with it.
CREATE TABLE analyse_reader_part (
    reader_id uuid NOT NULL,
    report_id uuid NOT NULL,
    object_id uuid NOT NULL,
    CONSTRAINT analyse_reader_part_pkey PRIMARY KEY (reader_id, report_id),
    CONSTRAINT analyse_reader_part_reader FOREIGN KEY (reader_id) REFERENCES analyse_reader (id)
);

CREATE TABLE analyse_reader_activation (
    seq bigint GENERATED ALWAYS AS IDENTITY,
    reader_id uuid NOT NULL,
    proposer_id uuid NOT NULL,
    approver_id uuid NOT NULL,
    activated_at timestamptz NOT NULL,
    CONSTRAINT analyse_reader_activation_pkey PRIMARY KEY (seq),
    CONSTRAINT analyse_reader_activation_reader FOREIGN KEY (reader_id) REFERENCES analyse_reader (id),
    CONSTRAINT analyse_reader_activation_two_people CHECK (approver_id <> proposer_id)
);

CREATE FUNCTION analyse_reader_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'TRAINED' OR NEW.proposer_id IS NOT NULL OR NEW.tried_at IS NOT NULL THEN
            RAISE EXCEPTION 'a reader begins as trained' USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' OR (NEW.id, NEW.version, NEW.header, NEW.digest, NEW.card, NEW.author_id, NEW.trained_at)
        IS DISTINCT FROM (OLD.id, OLD.version, OLD.header, OLD.digest, OLD.card, OLD.author_id, OLD.trained_at)
        OR NEW.weights IS DISTINCT FROM OLD.weights THEN
        RAISE EXCEPTION 'a reader keeps its bytes and its author' USING ERRCODE = 'restrict_violation';
    END IF;
    IF (NEW.proposer_id, NEW.proposed_at) IS DISTINCT FROM (OLD.proposer_id, OLD.proposed_at) THEN
        IF OLD.state = 'IN_FORCE' OR NOT accounts_acts(
            NEW.proposer_id, ARRAY['SUPERVISOR'], NULL, NEW.proposed_at, '{}') THEN
            RAISE EXCEPTION 'a supervisor proposes a reader not in force' USING ERRCODE = 'check_violation';
        END IF;
        NEW.state := 'TRAINED';
        NEW.tried_at := NULL;
    ELSIF NEW.tried_at IS NOT NULL AND OLD.tried_at IS NULL THEN
        IF NEW.proposer_id IS NULL OR OLD.state <> 'TRAINED' THEN
            RAISE EXCEPTION 'a proposed reader is run dry' USING ERRCODE = 'restrict_violation';
        END IF;
        NEW.state := 'PROPOSED';
    ELSIF NEW.state = 'IN_FORCE' AND OLD.state <> 'IN_FORCE' AND (OLD.state <> 'PROPOSED' OR NOT EXISTS (
        SELECT FROM analyse_reader_activation a WHERE a.reader_id = NEW.id AND a.proposer_id = NEW.proposer_id
            AND a.activated_at >= NEW.tried_at)) THEN
        RAISE EXCEPTION 'a reader needs a second person' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER analyse_reader_guard BEFORE INSERT OR UPDATE OR DELETE ON analyse_reader
    FOR EACH ROW EXECUTE FUNCTION analyse_reader_guard();

CREATE FUNCTION analyse_reader_activation_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM analyse_reader WHERE id = NEW.reader_id AND state = 'PROPOSED'
            AND proposer_id = NEW.proposer_id) THEN
        RAISE EXCEPTION 'a proposed reader is activated' USING ERRCODE = 'restrict_violation';
    ELSIF NOT accounts_acts(NEW.approver_id, ARRAY['SUPERVISOR'], NULL, NEW.activated_at,
                            ARRAY[NEW.proposer_id]) THEN
        RAISE EXCEPTION 'the second person holds no role for it' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER analyse_reader_activation_guard BEFORE INSERT ON analyse_reader_activation
    FOR EACH ROW EXECUTE FUNCTION analyse_reader_activation_guard();

-- The only writer of IN_FORCE and REPLACED.
CREATE FUNCTION analyse_reader_put_in_force() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE analyse_reader SET state = 'REPLACED' WHERE state = 'IN_FORCE';
    UPDATE analyse_reader SET state = 'IN_FORCE', reread_from = NEW.activated_at, reread_reached = NULL,
        reread_queued = 0, reread_at = NULL WHERE id = NEW.reader_id;
    RETURN NULL;
END
$$;
CREATE TRIGGER analyse_reader_activation_taken AFTER INSERT ON analyse_reader_activation
    FOR EACH ROW EXECUTE FUNCTION analyse_reader_put_in_force();
"""
BACKWARD = """
DROP TABLE analyse_reader_activation, analyse_reader_part, analyse_reader, analyse_judgement, analyse_example;
DROP FUNCTION analyse_reader_put_in_force, analyse_reader_activation_guard, analyse_reader_guard,
    analyse_example_guard;
"""


class Migration(migrations.Migration):
    """Written in SQL, like the other tables of analyse (unmanaged models)."""

    dependencies = [
        ("analyse", "0012_unread"),
        ("accounts", "0010_habilitation_approval"),
    ]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
