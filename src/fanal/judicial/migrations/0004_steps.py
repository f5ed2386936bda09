"""Restricts states and times of referrals and sheets to recorded steps, taken by people in office at the desk."""

from string import Template

from django.db import migrations

_REFERRAL_MOVES = """
    ('amend', 'DRAFT', 'DRAFT'), ('amend', 'READY', 'DRAFT'), ('prepare', 'DRAFT', 'READY'),
    ('send', 'READY', 'SENT'), ('acknowledge', 'SENT', 'ACKNOWLEDGED'), ('take_up', 'SENT', 'TAKEN_UP'),
    ('take_up', 'ACKNOWLEDGED', 'TAKEN_UP'), ('return', 'SENT', 'RETURNED'),
    ('return', 'ACKNOWLEDGED', 'RETURNED'), ('return', 'TAKEN_UP', 'RETURNED'),
    ('redirect', 'RETURNED', 'DRAFT'), ('close', 'SENT', 'CLOSED'), ('close', 'ACKNOWLEDGED', 'CLOSED'),
    ('close', 'TAKEN_UP', 'CLOSED'), ('close', 'RETURNED', 'CLOSED'), ('withdraw', 'DRAFT', 'WITHDRAWN'),
    ('withdraw', 'READY', 'WITHDRAWN'), ('withdraw', 'RETURNED', 'WITHDRAWN')"""
_SHEET_MOVES = """
    ('amend', 'DRAFT', 'DRAFT'), ('amend', 'READY', 'DRAFT'), ('prepare', 'DRAFT', 'READY'),
    ('send', 'READY', 'SENT'), ('acknowledge', 'SENT', 'ACKNOWLEDGED'), ('withdraw', 'DRAFT', 'WITHDRAWN'),
    ('withdraw', 'READY', 'WITHDRAWN')"""

SQL = Template("""
ALTER TABLE $table ADD CONSTRAINT ${table}_author FOREIGN KEY (author_id) REFERENCES accounts_person (id);
ALTER TABLE $step ADD CONSTRAINT ${step}_actor FOREIGN KEY (actor_id) REFERENCES accounts_person (id),
    ADD CONSTRAINT ${step}_move CHECK ((move, source, target) IN ($moves));

-- It starts as a blank draft of a person who decides at its desk, and stays what it is.
CREATE FUNCTION ${table}_bound() RETURNS trigger LANGUAGE plpgsql AS $$$$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF to_jsonb(NEW) - ARRAY[$moving] <> to_jsonb(OLD) - ARRAY[$moving] THEN
            RAISE EXCEPTION '$table keeps what it is' USING ERRCODE = 'restrict_violation';
        END IF;
    ELSIF NEW.state <> 'DRAFT' OR NEW.sent_at IS NOT NULL THEN
        RAISE EXCEPTION '$table starts as a blank draft' USING ERRCODE = 'check_violation';
    ELSIF NOT accounts_acts(NEW.author_id, ARRAY['ANALYST', 'SUPERVISOR'], NEW.desk_id, NEW.created_at, '{}') THEN
        RAISE EXCEPTION 'who drafts works at the desk' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$$$;
CREATE TRIGGER ${table}_bound BEFORE INSERT OR UPDATE ON $table
    FOR EACH ROW EXECUTE FUNCTION ${table}_bound();

-- A step leaves the present state, by a person whose role at the desk allows the move; amending alone changes
-- the addressee. The lock puts steps of one row one after the other.
CREATE FUNCTION ${step}_guard() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$$$
DECLARE
    moved $table;
BEGIN
    SELECT * INTO moved FROM $table WHERE id = NEW.$of FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN NEW;  -- the foreign key says it
    END IF;
    IF moved.state <> NEW.source OR (NEW.move <> 'amend' AND NEW.body <> moved.body) THEN
        RAISE EXCEPTION 'the step does not start from what stands' USING ERRCODE = 'check_violation';
    END IF;
    IF NOT accounts_acts(NEW.actor_id, CASE NEW.move
            WHEN 'withdraw' THEN ARRAY['ANALYST', 'SUPERVISOR', 'JUDICIAL_OFFICER']
            ELSE ARRAY['JUDICIAL_OFFICER'] END, moved.desk_id, NEW.recorded_at, '{}') THEN
        RAISE EXCEPTION 'who takes the step holds no role for it' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$$$;
CREATE TRIGGER ${step}_guard BEFORE INSERT ON $step FOR EACH ROW EXECUTE FUNCTION ${step}_guard();

-- The only writer of states and instants: neither the desk nor the worker may update them.
CREATE FUNCTION ${step}_take() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$$$
BEGIN
    UPDATE $table SET state = NEW.target, body = NEW.body, $outcome
        sent_at = CASE NEW.move WHEN 'send' THEN NEW.happened_at ELSE sent_at END
    WHERE id = NEW.$of;
    RETURN NULL;
END $$$$;
CREATE TRIGGER ${step}_taken AFTER INSERT ON $step FOR EACH ROW EXECUTE FUNCTION ${step}_take();

-- What was sent says the same ever after.
CREATE FUNCTION ${words}_keep() RETURNS trigger LANGUAGE plpgsql AS $$$$
BEGIN
    IF NOT EXISTS (SELECT FROM $table WHERE id = NEW.$of AND state IN ('DRAFT', 'READY')) THEN
        RAISE EXCEPTION 'what was sent keeps its words' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$$$;
CREATE TRIGGER ${words}_kept BEFORE UPDATE ON $words FOR EACH ROW EXECUTE FUNCTION ${words}_keep();
""")
REFERRALS = SQL.substitute(
    table="judicial_referral",
    step="judicial_step",
    words="judicial_text",
    of="referral_id",
    moves=_REFERRAL_MOVES,
    moving="'state', 'body', 'outcome', 'sent_at'",
    outcome="outcome = NEW.outcome,",
)
SHEETS = SQL.substitute(
    table="judicial_sheet",
    step="judicial_sheet_step",
    words="judicial_sheet_words",
    of="sheet_id",
    moves=_SHEET_MOVES,
    moving="'state', 'body', 'sent_at', 'payer'",
    outcome="",
)


class Migration(migrations.Migration):
    """Written in SQL, like the other tables of judicial (unmanaged models)."""

    dependencies = [
        ("judicial", "0003_expiry"),
        ("accounts", "0010_habilitation_approval"),
    ]
    operations = [migrations.RunSQL(REFERRALS + SHEETS, migrations.RunSQL.noop)]
