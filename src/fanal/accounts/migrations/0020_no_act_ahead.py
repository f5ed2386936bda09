"""Refuses acts of people that are dated in the future, or before the grant of the role that permits them."""

from django.db import migrations

SQL = """
CREATE OR REPLACE FUNCTION accounts_holds(
    person uuid, roles text[], desk integer, instant timestamptz, besides uuid[]
) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM accounts_habilitation h
        LEFT JOIN accounts_revocation r ON r.habilitation_id = h.id
        LEFT JOIN accounts_habilitation_approval a ON a.habilitation_id = h.id
        WHERE h.person_id = person AND h.role = ANY (roles) AND (desk IS NULL OR h.desk_id = desk)
          AND greatest(h.valid_from, h.granted_at) <= instant AND h.valid_until > instant
          AND (r.revoked_at IS NULL OR r.revoked_at > instant)
          AND (NOT h.needs_approval OR a.approved_at <= instant)
          AND h.granted_by_id <> ALL (besides)
          AND (a.approver_id IS NULL OR a.approver_id <> ALL (besides)))
$$;

-- Whether an instant that a row names has come, but for the difference of clocks that a node may have.
-- Neither infinity has: the desk's program could read no such row.
CREATE FUNCTION accounts_has_come(instant timestamptz) RETURNS boolean
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT isfinite(instant) AND instant <= clock_timestamp() + interval '5 seconds'
$$;

CREATE OR REPLACE FUNCTION accounts_acts(
    person uuid, roles text[], desk integer, instant timestamptz, besides uuid[]
) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN accounts_has_come(instant) AND accounts_holds(person, roles, desk, instant, besides)
        AND (accounts_holds(person, roles, desk, clock_timestamp(), besides)
            OR EXISTS (SELECT FROM fanal_instance WHERE mark = 'DEMO'));
END $$;

-- For tables of acts: the arguments name the columns that hold instants of a person's act.
CREATE FUNCTION accounts_refuse_ahead() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    named text;
BEGIN
    FOREACH named IN ARRAY TG_ARGV LOOP
        IF NOT accounts_has_come((to_jsonb(NEW) ->> named)::timestamptz) THEN
            RAISE EXCEPTION 'nobody acts ahead of time: %.%', TG_TABLE_NAME, named
                USING ERRCODE = 'check_violation';
        END IF;
    END LOOP;
    RETURN NEW;
END $$;
CREATE TRIGGER accounts_habilitation_ahead BEFORE INSERT ON accounts_habilitation
    FOR EACH ROW EXECUTE FUNCTION accounts_refuse_ahead('granted_at');
CREATE TRIGGER accounts_revocation_ahead BEFORE INSERT ON accounts_revocation
    FOR EACH ROW EXECUTE FUNCTION accounts_refuse_ahead('revoked_at');
CREATE TRIGGER accounts_review_ahead BEFORE INSERT ON accounts_review
    FOR EACH ROW EXECUTE FUNCTION accounts_refuse_ahead('reviewed_at');
CREATE TRIGGER accounts_partnercredential_ahead
    BEFORE INSERT OR UPDATE OF revoked_at ON accounts_partnercredential
    FOR EACH ROW EXECUTE FUNCTION accounts_refuse_ahead('revoked_at');

-- The person who proposes or ends a standing instruction is a supervisor then and now.
CREATE FUNCTION accounts_instruction_in_office() RETURNS trigger LANGUAGE plpgsql
    SET search_path = public, pg_temp AS $$
DECLARE
    person CONSTANT uuid := coalesce(to_jsonb(NEW) ->> 'proposer_id', to_jsonb(NEW) ->> 'revoked_by')::uuid;
    at CONSTANT timestamptz
        := coalesce(to_jsonb(NEW) ->> 'proposed_at', to_jsonb(NEW) ->> 'revoked_at')::timestamptz;
BEGIN
    IF NOT accounts_acts(person, ARRAY['SUPERVISOR'], NULL, at, '{}') THEN
        RAISE EXCEPTION 'who proposes or ends an instruction holds no role for it'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER accounts_instruction_office BEFORE INSERT ON accounts_instruction
    FOR EACH ROW EXECUTE FUNCTION accounts_instruction_in_office();
CREATE TRIGGER accounts_instruction_end_office BEFORE INSERT ON accounts_instruction_end
    FOR EACH ROW EXECUTE FUNCTION accounts_instruction_in_office();
"""


class Migration(migrations.Migration):
    """Creates functions and triggers, which check new rows only.

    Not reversible: triggers of other packages call the functions.
    """

    dependencies = [("accounts", "0019_closed_roles")]
    operations = [migrations.RunSQL(SQL)]
