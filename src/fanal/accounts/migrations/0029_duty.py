"""Creates the tables of duty rosters: who is called for an alarm at a desk, and when.

Lines of a roster are added and ended, never changed.
"""

from django.db import migrations

SQL = """
CREATE TABLE accounts_duty (
    id uuid NOT NULL CONSTRAINT accounts_duty_pkey PRIMARY KEY,
    desk_id integer NOT NULL CONSTRAINT accounts_duty_desk REFERENCES accounts_desk (id),
    kind text NOT NULL CONSTRAINT accounts_duty_kind CHECK (kind IN ('WEEKLY', 'ON', 'OFF')),
    rank smallint NOT NULL CONSTRAINT accounts_duty_rank CHECK (rank IN (1, 2)),
    person_id uuid CONSTRAINT accounts_duty_person REFERENCES accounts_person (id),
    name text NOT NULL,
    address text NOT NULL,
    zone text NOT NULL,
    weekdays smallint[] NOT NULL,
    first_day date NOT NULL,
    last_day date,
    starts time NOT NULL,
    ends time NOT NULL,
    added_by uuid NOT NULL CONSTRAINT accounts_duty_author REFERENCES accounts_person (id),
    added_at timestamptz NOT NULL,
    CONSTRAINT accounts_duty_reaches CHECK ((person_id IS NULL) = (address <> '' AND name <> '')),
    CONSTRAINT accounts_duty_days CHECK (
        weekdays <@ '{0,1,2,3,4,5,6}' AND (kind = 'WEEKLY') = (weekdays <> '{}')),
    CONSTRAINT accounts_duty_ends CHECK (
        last_day >= first_day OR (last_day IS NULL AND kind = 'WEEKLY'))
);
CREATE INDEX accounts_duty_of_desk ON accounts_duty (desk_id);

CREATE TABLE accounts_duty_end (
    line_id uuid NOT NULL CONSTRAINT accounts_duty_end_pkey PRIMARY KEY
        CONSTRAINT accounts_duty_end_line REFERENCES accounts_duty (id),
    ended_by uuid NOT NULL CONSTRAINT accounts_duty_end_author REFERENCES accounts_person (id),
    ended_at timestamptz NOT NULL
);

-- The roster of a desk is kept by its supervisors and the administrators in office.
CREATE FUNCTION accounts_keeps_roster(author uuid, desk integer, instant timestamptz) RETURNS boolean
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT CASE WHEN author = '00000000-0000-7000-8000-000000000001'
        THEN current_user IN ('fanal_worker', 'fanal_owner')
        ELSE accounts_acts(author, ARRAY['SUPERVISOR'], desk, instant, '{}')
            OR accounts_acts(author, ARRAY['ADMINISTRATOR'], NULL, instant, '{}') END
$$;

CREATE FUNCTION accounts_duty_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT accounts_keeps_roster(NEW.added_by, NEW.desk_id, NEW.added_at) THEN
        RAISE EXCEPTION 'the author does not keep the roster of this desk' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER accounts_duty_guard BEFORE INSERT ON accounts_duty
    FOR EACH ROW EXECUTE FUNCTION accounts_duty_guard();

CREATE FUNCTION accounts_duty_end_guard() RETURNS trigger LANGUAGE plpgsql
    SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT accounts_keeps_roster(
        NEW.ended_by, (SELECT desk_id FROM accounts_duty WHERE id = NEW.line_id), NEW.ended_at) THEN
        RAISE EXCEPTION 'the author does not keep the roster of this desk' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER accounts_duty_end_guard BEFORE INSERT ON accounts_duty_end
    FOR EACH ROW EXECUTE FUNCTION accounts_duty_end_guard();

CREATE TRIGGER accounts_duty_append_only BEFORE UPDATE OR DELETE ON accounts_duty
    FOR EACH ROW EXECUTE FUNCTION accounts_append_only();
CREATE TRIGGER accounts_duty_kept BEFORE TRUNCATE ON accounts_duty
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_append_only();
CREATE TRIGGER accounts_duty_end_append_only BEFORE UPDATE OR DELETE ON accounts_duty_end
    FOR EACH ROW EXECUTE FUNCTION accounts_append_only();
CREATE TRIGGER accounts_duty_end_kept BEFORE TRUNCATE ON accounts_duty_end
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_append_only();
"""
BACK = """
DROP TABLE accounts_duty_end, accounts_duty;
DROP FUNCTION accounts_duty_end_guard, accounts_duty_guard, accounts_keeps_roster;
"""


class Migration(migrations.Migration):
    """Adds two tables; processes of the earlier version still call the addresses of FANAL_DUTY."""

    dependencies = [("accounts", "0028_tour_seen")]
    operations = [migrations.RunSQL(SQL, BACK)]
