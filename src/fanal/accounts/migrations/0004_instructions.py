"""Creates the tables of standing instructions; triggers require two people and keep the rows (decision 30)."""

from django.db import migrations

SQL = """
CREATE TABLE accounts_instruction (
    id uuid NOT NULL,
    kind text NOT NULL,
    names text[] NOT NULL,
    grounds text NOT NULL,
    basis text NOT NULL,
    valid_from timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    proposer_id uuid NOT NULL,
    proposed_at timestamptz NOT NULL,
    db_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT accounts_instruction_pkey PRIMARY KEY (id),
    CONSTRAINT accounts_instruction_proposer UNIQUE (id, proposer_id),
    CONSTRAINT accounts_instruction_person FOREIGN KEY (proposer_id) REFERENCES accounts_person (id),
    CONSTRAINT accounts_instruction_kind
        CHECK (kind IN ('FEEDBACK', 'DISTRIBUTION', 'LIST_SERVICE', 'LIST_FETCH')),
    CONSTRAINT accounts_instruction_names CHECK (cardinality(names) <= 100
        AND array_position(names, NULL) IS NULL AND array_position(names, '') IS NULL),
    CONSTRAINT accounts_instruction_grounds CHECK (length(btrim(grounds)) BETWEEN 1 AND 4000),
    CONSTRAINT accounts_instruction_basis CHECK (length(btrim(basis)) BETWEEN 2 AND 80),
    CONSTRAINT accounts_instruction_dates CHECK (isfinite(valid_from) AND isfinite(expires_at)
        AND expires_at > valid_from AND expires_at <= valid_from + interval '366 days'),
    -- Neither the machine nor the public signs: a natural person answers for it.
    CONSTRAINT accounts_instruction_by_a_person CHECK (proposer_id NOT IN
        ('00000000-0000-7000-8000-000000000001', '00000000-0000-7000-8000-000000000002'))
);
CREATE INDEX accounts_instruction_in_force ON accounts_instruction (kind, expires_at);

CREATE TABLE accounts_instruction_second (
    instruction_id uuid NOT NULL,
    proposer_id uuid NOT NULL,
    second_id uuid NOT NULL,
    seconded_at timestamptz NOT NULL,
    db_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT accounts_instruction_second_pkey PRIMARY KEY (instruction_id),
    CONSTRAINT accounts_instruction_second_proposer FOREIGN KEY (instruction_id, proposer_id)
        REFERENCES accounts_instruction (id, proposer_id),
    CONSTRAINT accounts_instruction_second_person FOREIGN KEY (second_id) REFERENCES accounts_person (id),
    CONSTRAINT accounts_instruction_second_two_people CHECK (second_id <> proposer_id),
    CONSTRAINT accounts_instruction_second_by_a_person CHECK (second_id NOT IN
        ('00000000-0000-7000-8000-000000000001', '00000000-0000-7000-8000-000000000002'))
);

CREATE TABLE accounts_instruction_end (
    instruction_id uuid NOT NULL,
    revoked_by uuid NOT NULL,
    revoked_at timestamptz NOT NULL,
    reason text NOT NULL,
    db_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT accounts_instruction_end_pkey PRIMARY KEY (instruction_id),
    CONSTRAINT accounts_instruction_end_of FOREIGN KEY (instruction_id) REFERENCES accounts_instruction (id),
    CONSTRAINT accounts_instruction_end_person FOREIGN KEY (revoked_by) REFERENCES accounts_person (id),
    CONSTRAINT accounts_instruction_end_reason CHECK (length(btrim(reason)) BETWEEN 1 AND 2000)
);

-- Only what waits is seconded: neither what has ended, nor before it was proposed. The lock makes a
-- signature and a revocation of the same instruction one after the other.
CREATE FUNCTION accounts_instruction_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    instruction accounts_instruction;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(NEW.instruction_id::text, 0));
    SELECT * INTO instruction FROM accounts_instruction WHERE id = NEW.instruction_id;
    IF NOT FOUND THEN
        RETURN NEW;  -- the foreign key says it
    END IF;
    IF TG_TABLE_NAME = 'accounts_instruction_end' THEN
        IF NEW.revoked_at < instruction.proposed_at THEN
            RAISE EXCEPTION 'revoked before it was proposed' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.seconded_at < instruction.proposed_at OR NEW.seconded_at >= instruction.expires_at
        OR EXISTS (SELECT FROM accounts_instruction_end WHERE instruction_id = NEW.instruction_id) THEN
        RAISE EXCEPTION 'the instruction does not wait for a second person'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER accounts_instruction_second_guard BEFORE INSERT ON accounts_instruction_second
    FOR EACH ROW EXECUTE FUNCTION accounts_instruction_guard();
CREATE TRIGGER accounts_instruction_end_guard BEFORE INSERT ON accounts_instruction_end
    FOR EACH ROW EXECUTE FUNCTION accounts_instruction_guard();

CREATE TRIGGER accounts_instruction_append_only BEFORE UPDATE OR DELETE ON accounts_instruction
    FOR EACH ROW EXECUTE FUNCTION accounts_append_only();
CREATE TRIGGER accounts_instruction_second_append_only BEFORE UPDATE OR DELETE
    ON accounts_instruction_second FOR EACH ROW EXECUTE FUNCTION accounts_append_only();
CREATE TRIGGER accounts_instruction_end_append_only BEFORE UPDATE OR DELETE ON accounts_instruction_end
    FOR EACH ROW EXECUTE FUNCTION accounts_append_only();
CREATE TRIGGER accounts_instruction_kept BEFORE TRUNCATE ON accounts_instruction
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_append_only();
CREATE TRIGGER accounts_instruction_second_kept BEFORE TRUNCATE ON accounts_instruction_second
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_append_only();
CREATE TRIGGER accounts_instruction_end_kept BEFORE TRUNCATE ON accounts_instruction_end
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_append_only();
"""

DROP = """
DROP TABLE accounts_instruction_end, accounts_instruction_second, accounts_instruction;
DROP FUNCTION accounts_instruction_guard();
"""


class Migration(migrations.Migration):
    """The models are unmanaged: constraints and triggers are written in SQL."""

    dependencies = [("accounts", "0003_counter")]
    operations = [migrations.RunSQL(SQL, DROP)]
