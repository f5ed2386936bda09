"""Restricts states and times of measures to recorded steps; whoever approves holds the role at the desk."""

from django.db import migrations

PEOPLE = "\n".join(
    f"ALTER TABLE {table} ADD CONSTRAINT {table}_{column} FOREIGN KEY ({column})"
    f" REFERENCES accounts_person (id);"
    for table, column in (
        ("measures_measure", "proposer_id"),
        ("measures_measure", "author_id"),
        ("measures_approval", "approver_id"),
        ("measures_step", "actor_id"),
        ("measures_contact", "informed_by"),
        ("measures_session", "overseer_id"),
        ("measures_recommendation", "overseer_id"),
        ("measures_answer", "person_id"),
    )
)

SQL = """
ALTER TABLE measures_step ADD CONSTRAINT measures_step_move CHECK ((move, source, target) IN (
    ('amend', 'DRAFT', 'DRAFT'), ('amend', 'TO_SECOND', 'DRAFT'), ('amend', 'APPROVED', 'DRAFT'),
    ('submit', 'DRAFT', 'TO_SECOND'), ('refuse', 'TO_SECOND', 'DRAFT'), ('approve', 'TO_SECOND', 'APPROVED'),
    ('send', 'APPROVED', 'SENT'), ('leave', 'APPROVED', 'SENT'), ('leave', 'WITHDRAWN', 'SENT'),
    ('receive', 'SENT', 'RECEIVED'), ('suspend', 'RECEIVED', 'SUSPENDED'),
    ('resume', 'SUSPENDED', 'RECEIVED'), ('expire', 'RECEIVED', 'EXPIRED'),
    ('execute', 'SENT', 'EXECUTED'), ('execute', 'RECEIVED', 'EXECUTED'),
    ('execute', 'SUSPENDED', 'EXECUTED'), ('execute', 'EXPIRED', 'EXECUTED'), ('lift', 'EXECUTED', 'LIFTED'),
    ('withdraw', 'DRAFT', 'WITHDRAWN'), ('withdraw', 'TO_SECOND', 'WITHDRAWN'),
    ('withdraw', 'APPROVED', 'WITHDRAWN'), ('withdraw', 'SENT', 'WITHDRAWN'),
    ('withdraw', 'RECEIVED', 'WITHDRAWN'), ('withdraw', 'SUSPENDED', 'WITHDRAWN'),
    ('withdraw', 'EXPIRED', 'WITHDRAWN'), ('annul', 'SENT', 'ANNULLED'), ('annul', 'RECEIVED', 'ANNULLED'),
    ('annul', 'SUSPENDED', 'ANNULLED'), ('annul', 'EXPIRED', 'ANNULLED'), ('annul', 'EXECUTED', 'ANNULLED')));

-- A measure is proposed by a person of the desk, is a blank draft, and its host is the one its bytes name.
CREATE FUNCTION measures_bound() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    asked jsonb;
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF num_nonnulls(NEW.submitted_at, NEW.approved_at, NEW.sent_at, NEW.received_at, NEW.executed_at,
                        NEW.non_disclosure_until) > 0 OR NEW.proposer_id <> NEW.author_id THEN
            RAISE EXCEPTION 'a measure starts as a blank draft of its proposer'
                USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    IF TG_OP = 'INSERT' OR NEW.author_id <> OLD.author_id THEN
        IF NOT accounts_acts(NEW.author_id, ARRAY['ANALYST', 'SUPERVISOR', 'MEASURES_OFFICER'], NEW.desk_id,
                CASE TG_OP WHEN 'INSERT' THEN NEW.created_at ELSE clock_timestamp() END, '{}') THEN
            RAISE EXCEPTION 'who writes a measure works at its desk' USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    IF TG_OP = 'INSERT' OR NEW.request <> OLD.request OR NEW.host <> OLD.host THEN
        BEGIN
            asked := convert_from(NEW.request, 'UTF8')::jsonb -> 'request';
        EXCEPTION WHEN data_exception THEN
            asked := NULL;
        END;
        IF (asked ->> 'host', asked ->> 'measure_id', asked ->> 'revision', asked ->> 'kind')
            IS DISTINCT FROM (NEW.host, NEW.id::text, NEW.revision::text, NEW.kind) THEN
            RAISE EXCEPTION 'the bytes of a measure name its host, its id and its revision'
                USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER measures_measure_bound AFTER INSERT OR UPDATE ON measures_measure
    FOR EACH ROW WHEN (NEW.erased_at IS NULL) EXECUTE FUNCTION measures_bound();

-- The second person is in office at the desk when they sign, and was habilitated neither by the proposer
-- nor by whoever wrote the bytes.
CREATE FUNCTION measures_approver_in_office() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    asked measures_measure;
BEGIN
    SELECT * INTO asked FROM measures_measure WHERE id = NEW.measure_id;
    IF FOUND AND NOT accounts_acts(NEW.approver_id, ARRAY['SUPERVISOR', 'MEASURES_OFFICER'], asked.desk_id,
            NEW.at, ARRAY[asked.proposer_id, asked.author_id]) THEN
        RAISE EXCEPTION 'the second person holds no role for it' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER measures_approval_office BEFORE INSERT ON measures_approval
    FOR EACH ROW EXECUTE FUNCTION measures_approver_in_office();

-- A step leaves the state that the measure is in, by a person whose role at the desk allows the move; a
-- verdict is the step of whoever signed it. The lock puts steps of one measure one after the other.
CREATE FUNCTION measures_step_guard() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    moved measures_measure;
    allowed text[] := CASE
        WHEN NEW.move IN ('amend', 'submit', 'withdraw') THEN ARRAY['ANALYST', 'SUPERVISOR', 'MEASURES_OFFICER']
        WHEN NEW.move IN ('approve', 'refuse') THEN ARRAY['SUPERVISOR', 'MEASURES_OFFICER']
        ELSE ARRAY['MEASURES_OFFICER'] END;
BEGIN
    SELECT * INTO moved FROM measures_measure WHERE id = NEW.measure_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN NEW;  -- the foreign key says it
    END IF;
    IF moved.state <> NEW.source THEN
        RAISE EXCEPTION 'the measure is not in the state that the step leaves' USING ERRCODE = 'check_violation';
    END IF;
    IF NOT accounts_acts(NEW.actor_id, allowed, moved.desk_id, NEW.recorded_at, '{}') THEN
        RAISE EXCEPTION 'who takes the step holds no role for it' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.move IN ('approve', 'refuse') AND NOT EXISTS (
        SELECT FROM measures_approval a
        WHERE a.measure_id = NEW.measure_id AND a.revision = moved.revision AND a.approver_id = NEW.actor_id
          AND a.verdict = CASE NEW.move WHEN 'approve' THEN 'APPROVED' ELSE 'REFUSED' END) THEN
        RAISE EXCEPTION 'a verdict is the step of whoever signed it' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER measures_step_guard BEFORE INSERT ON measures_step
    FOR EACH ROW EXECUTE FUNCTION measures_step_guard();

-- The only writer of states and instants: neither the desk nor the worker may update them.
CREATE FUNCTION measures_take_step() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE measures_measure SET
        state = NEW.target,
        submitted_at = CASE WHEN NEW.move = 'submit' THEN NEW.happened_at
            WHEN NEW.move IN ('amend', 'refuse') THEN NULL ELSE submitted_at END,
        approved_at = CASE NEW.move WHEN 'approve' THEN NEW.happened_at WHEN 'amend' THEN NULL
            ELSE approved_at END,
        sent_at = CASE WHEN NEW.move IN ('send', 'leave') THEN NEW.happened_at ELSE sent_at END,
        received_at = CASE NEW.move WHEN 'receive' THEN NEW.happened_at ELSE received_at END,
        executed_at = CASE NEW.move WHEN 'execute' THEN NEW.happened_at ELSE executed_at END
    WHERE id = NEW.measure_id;
    RETURN NULL;
END $$;
CREATE TRIGGER measures_step_taken AFTER INSERT ON measures_step
    FOR EACH ROW EXECUTE FUNCTION measures_take_step();
"""


class Migration(migrations.Migration):
    """Written in SQL, like the other tables of measures (unmanaged models)."""

    dependencies = [
        ("measures", "0004_expiry"),
        ("accounts", "0010_habilitation_approval"),
    ]
    operations = [migrations.RunSQL(PEOPLE + SQL, migrations.RunSQL.noop)]
