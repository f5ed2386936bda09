"""Adds resets of a person's sign-in by two people, and rules for closed accounts and changed names.

A reopened account has no role left. A person's name can only be changed by a function of the database.
"""

from django.db import migrations, models

SQL = """
CREATE TABLE accounts_reset (
    id uuid NOT NULL CONSTRAINT accounts_reset_pkey PRIMARY KEY,
    person_id uuid NOT NULL CONSTRAINT accounts_reset_person REFERENCES accounts_person (id),
    factors boolean NOT NULL,
    reason_code text NOT NULL,
    proposer_id uuid NOT NULL CONSTRAINT accounts_reset_proposer REFERENCES accounts_person (id),
    proposed_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    db_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT accounts_reset_not_of_oneself CHECK (proposer_id <> person_id),
    CONSTRAINT accounts_reset_lasts_a_day CHECK (
        expires_at > proposed_at AND expires_at <= proposed_at + interval '1 day')
);
CREATE INDEX accounts_reset_of_person ON accounts_reset (person_id, proposed_at);

CREATE TABLE accounts_reset_end (
    reset_id uuid NOT NULL CONSTRAINT accounts_reset_end_pkey PRIMARY KEY
        CONSTRAINT accounts_reset_end_reset REFERENCES accounts_reset (id),
    outcome text NOT NULL CONSTRAINT accounts_reset_end_outcome CHECK (outcome IN ('CONFIRMED', 'WITHDRAWN')),
    by_id uuid NOT NULL CONSTRAINT accounts_reset_end_person REFERENCES accounts_person (id),
    ended_at timestamptz NOT NULL,
    db_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- An administrator whose role does not come from the person proposes; the system does at the console alone.
-- One proposal for a person is open at a time, and for an open account, which a closing at the same moment locks.
CREATE FUNCTION accounts_reset_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    console CONSTANT boolean := NEW.proposer_id = '00000000-0000-7000-8000-000000000001';
BEGIN
    PERFORM 1 FROM accounts_user WHERE person_id = NEW.person_id AND is_active ORDER BY id FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the account of this person is closed' USING ERRCODE = 'check_violation';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('accounts_reset ' || NEW.person_id, 0));
    IF console AND current_user NOT IN ('fanal_worker', 'fanal_owner') THEN
        RAISE EXCEPTION 'the system proposes at the console alone' USING ERRCODE = 'insufficient_privilege';
    ELSIF NOT console AND NOT accounts_acts(NEW.proposer_id, ARRAY['ADMINISTRATOR'], NULL, NEW.proposed_at,
                                            ARRAY[NEW.person_id]) THEN
        RAISE EXCEPTION 'the proposer administers nothing, or by leave of the person'
            USING ERRCODE = 'check_violation';
    ELSIF EXISTS (
        SELECT FROM accounts_reset r WHERE r.person_id = NEW.person_id AND r.expires_at > NEW.proposed_at
            AND NOT EXISTS (SELECT FROM accounts_reset_end e WHERE e.reset_id = r.id)) THEN
        RAISE EXCEPTION 'a reset of this person is open' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER accounts_reset_guard BEFORE INSERT ON accounts_reset
    FOR EACH ROW EXECUTE FUNCTION accounts_reset_guard();

-- Neither the proposer nor the person confirms, nor somebody whose role comes from one of them; and the
-- proposer is still in office. The system withdraws, when an account is closed at the console.
CREATE FUNCTION accounts_reset_end_guard() RETURNS trigger LANGUAGE plpgsql
    SET search_path = public, pg_temp AS $$
DECLARE
    asked accounts_reset;
    besides uuid[];
BEGIN
    SELECT * INTO asked FROM accounts_reset WHERE id = NEW.reset_id;
    IF NOT FOUND THEN
        RETURN NEW;  -- the foreign key says it
    END IF;
    IF NEW.outcome = 'CONFIRMED' THEN
        besides := array_remove(ARRAY[asked.person_id, asked.proposer_id],
                                '00000000-0000-7000-8000-000000000001'::uuid);
    ELSE
        besides := '{}';
    END IF;
    IF NEW.ended_at < asked.proposed_at OR NEW.ended_at >= asked.expires_at THEN
        RAISE EXCEPTION 'the reset is not open at this instant' USING ERRCODE = 'check_violation';
    ELSIF NEW.outcome = 'CONFIRMED' AND NEW.by_id IN (asked.person_id, asked.proposer_id) THEN
        RAISE EXCEPTION 'a reset takes two people, and neither is the person' USING ERRCODE = 'check_violation';
    ELSIF NEW.outcome = 'WITHDRAWN' AND NEW.by_id IN (
        asked.person_id, asked.proposer_id, '00000000-0000-7000-8000-000000000001') THEN
        RETURN NEW;
    ELSIF NOT accounts_acts(NEW.by_id, ARRAY['ADMINISTRATOR', 'SUPERVISOR'], NULL, NEW.ended_at, besides) THEN
        RAISE EXCEPTION 'the second person holds no role for it, or by leave of the first or of the person'
            USING ERRCODE = 'check_violation';
    ELSIF NEW.outcome = 'CONFIRMED' AND asked.proposer_id <> '00000000-0000-7000-8000-000000000001'
        AND NOT (accounts_acts(asked.proposer_id, ARRAY['ADMINISTRATOR'], NULL, NEW.ended_at, '{}')
            AND EXISTS (SELECT FROM accounts_user u WHERE u.person_id = asked.proposer_id AND u.is_active)) THEN
        RAISE EXCEPTION 'the proposer administers nothing any more' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER accounts_reset_end_guard BEFORE INSERT ON accounts_reset_end
    FOR EACH ROW EXECUTE FUNCTION accounts_reset_end_guard();

CREATE TRIGGER accounts_reset_append_only BEFORE UPDATE OR DELETE ON accounts_reset
    FOR EACH ROW EXECUTE FUNCTION accounts_append_only();
CREATE TRIGGER accounts_reset_kept BEFORE TRUNCATE ON accounts_reset
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_append_only();
CREATE TRIGGER accounts_reset_end_append_only BEFORE UPDATE OR DELETE ON accounts_reset_end
    FOR EACH ROW EXECUTE FUNCTION accounts_append_only();
CREATE TRIGGER accounts_reset_end_kept BEFORE TRUNCATE ON accounts_reset_end
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_append_only();

-- A reopened account has no role: every habilitation that the person held before is ended.
-- Dated a moment back, so that no machine whose clock is a little late still finds a role in force.
CREATE FUNCTION accounts_reopened() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO accounts_revocation (habilitation_id, revoked_at, revoked_by_id, reason_code)
        SELECT h.id, greatest(h.granted_at, clock_timestamp() - interval '10 seconds'),
            '00000000-0000-7000-8000-000000000001', 'REOPENED'
        FROM accounts_habilitation h WHERE h.person_id = NEW.person_id
        ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER accounts_user_reopened AFTER UPDATE OF is_active ON accounts_user
    FOR EACH ROW WHEN (NEW.is_active AND NOT OLD.is_active) EXECUTE FUNCTION accounts_reopened();

-- The desk's role may not rewrite the names of people: an administrator in office does, by this function.
CREATE FUNCTION accounts_rename(person uuid, new_name text, author uuid, instant timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT accounts_acts(author, ARRAY['ADMINISTRATOR'], NULL, instant, ARRAY[person]) THEN
        RAISE EXCEPTION 'an administrator in office changes names' USING ERRCODE = 'check_violation';
    END IF;
    UPDATE accounts_person SET name = new_name
        WHERE id = person AND name <> '[…]'
            AND EXISTS (SELECT FROM accounts_user u WHERE u.person_id = person);
    RETURN FOUND;
END $$;
"""
BACK = """
DROP FUNCTION accounts_rename;
DROP TRIGGER accounts_user_reopened ON accounts_user;
DROP FUNCTION accounts_reopened;
DROP TABLE accounts_reset_end;
DROP TABLE accounts_reset;
DROP FUNCTION accounts_reset_end_guard, accounts_reset_guard;
"""


class Migration(migrations.Migration):
    """Adds the tables of resets, and a trigger to the table of accounts."""

    dependencies = [("accounts", "0025_dense_rows")]
    operations = [
        migrations.RunSQL(SQL, BACK),
        migrations.CreateModel(
            name="Reset",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("person_id", models.UUIDField()),
                ("factors", models.BooleanField()),
                ("reason_code", models.TextField()),
                ("proposer_id", models.UUIDField()),
                ("proposed_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
            ],
            options={"db_table": "accounts_reset", "managed": False},
        ),
        migrations.CreateModel(
            name="ResetEnd",
            fields=[
                (
                    "reset",
                    models.OneToOneField(
                        on_delete=models.deletion.PROTECT,
                        primary_key=True,
                        related_name="end",
                        serialize=False,
                        to="accounts.reset",
                    ),
                ),
                ("outcome", models.TextField()),
                ("by_id", models.UUIDField()),
                ("ended_at", models.DateTimeField()),
            ],
            options={"db_table": "accounts_reset_end", "managed": False},
        ),
    ]
