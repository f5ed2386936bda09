"""Requires a second granter for a habilitation that lets a person approve the acts of others.

It also checks that the approver of a standing instruction holds the role for it.
"""

import django.db.models.deletion
from django.db import migrations, models

SQL = """
ALTER TABLE accounts_habilitation ADD CONSTRAINT accounts_habilitation_granter UNIQUE (id, granted_by_id);

CREATE TABLE accounts_habilitation_approval (
    habilitation_id uuid NOT NULL,
    granted_by_id uuid NOT NULL,
    approver_id uuid NOT NULL,
    approved_at timestamptz NOT NULL,
    db_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT accounts_habilitation_approval_pkey PRIMARY KEY (habilitation_id),
    CONSTRAINT accounts_habilitation_approval_granter FOREIGN KEY (habilitation_id, granted_by_id)
        REFERENCES accounts_habilitation (id, granted_by_id),
    CONSTRAINT accounts_habilitation_approval_person FOREIGN KEY (approver_id) REFERENCES accounts_person (id),
    CONSTRAINT accounts_habilitation_approval_two_people CHECK (approver_id <> granted_by_id)
);

-- Roles whose holder approves what somebody else proposed. The operator's console (the system as granter)
-- opens the first habilitations of an installation; it is named as such everywhere.
CREATE FUNCTION accounts_mark_approving() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.needs_approval := NEW.role IN ('SUPERVISOR', 'MEASURES_OFFICER')
        AND NEW.granted_by_id <> '00000000-0000-7000-8000-000000000001';
    RETURN NEW;
END $$;
CREATE TRIGGER accounts_habilitation_mark BEFORE INSERT ON accounts_habilitation
    FOR EACH ROW EXECUTE FUNCTION accounts_mark_approving();

-- Whether a person holds one of the roles, at the desk or (NULL) at any, at an instant: not expired, not
-- revoked, approved where it must be, and granted and approved by none of `besides`.
CREATE FUNCTION accounts_holds(
    person uuid, roles text[], desk integer, instant timestamptz, besides uuid[]
) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM accounts_habilitation h
        LEFT JOIN accounts_revocation r ON r.habilitation_id = h.id
        LEFT JOIN accounts_habilitation_approval a ON a.habilitation_id = h.id
        WHERE h.person_id = person AND h.role = ANY (roles) AND (desk IS NULL OR h.desk_id = desk)
          AND h.valid_from <= instant AND h.valid_until > instant
          AND (r.revoked_at IS NULL OR r.revoked_at > instant)
          AND (NOT h.needs_approval OR a.approved_at <= instant)
          AND h.granted_by_id <> ALL (besides)
          AND (a.approver_id IS NULL OR a.approver_id <> ALL (besides)))
$$;

-- The same at the instant that is written and at the present one, so that no date lends a role that is
-- over. A demo plays its past by itself: there the written instant decides alone.
CREATE FUNCTION accounts_acts(
    person uuid, roles text[], desk integer, instant timestamptz, besides uuid[]
) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN accounts_holds(person, roles, desk, instant, besides)
        AND (accounts_holds(person, roles, desk, clock_timestamp(), besides)
            OR EXISTS (SELECT FROM fanal_instance WHERE mark = 'DEMO'));
END $$;

-- Neither the granter nor the grantee approves, and the approver supervises the same desk.
CREATE FUNCTION accounts_approval_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    asked accounts_habilitation;
BEGIN
    SELECT * INTO asked FROM accounts_habilitation WHERE id = NEW.habilitation_id;
    IF NOT FOUND THEN
        RETURN NEW;  -- the foreign key says it
    END IF;
    IF NOT asked.needs_approval OR NEW.approver_id = asked.person_id
        OR NEW.approved_at < asked.granted_at OR NEW.approved_at >= asked.valid_until
        OR EXISTS (SELECT FROM accounts_revocation WHERE habilitation_id = asked.id)
        OR NOT accounts_acts(NEW.approver_id, ARRAY['SUPERVISOR'], asked.desk_id, NEW.approved_at,
                             ARRAY[asked.person_id]) THEN
        RAISE EXCEPTION 'the habilitation does not wait for this person' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER accounts_habilitation_approval_guard BEFORE INSERT ON accounts_habilitation_approval
    FOR EACH ROW EXECUTE FUNCTION accounts_approval_guard();
CREATE TRIGGER accounts_habilitation_approval_append_only BEFORE UPDATE OR DELETE
    ON accounts_habilitation_approval FOR EACH ROW EXECUTE FUNCTION accounts_append_only();
CREATE TRIGGER accounts_habilitation_approval_kept BEFORE TRUNCATE ON accounts_habilitation_approval
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_append_only();

-- A standing instruction is seconded by a supervisor in office, whom its proposer did not habilitate.
CREATE FUNCTION accounts_instruction_second_in_office() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT accounts_acts(NEW.second_id, ARRAY['SUPERVISOR'], NULL, NEW.seconded_at,
                         ARRAY[NEW.proposer_id]) THEN
        RAISE EXCEPTION 'the second person holds no role for it' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER accounts_instruction_second_office BEFORE INSERT ON accounts_instruction_second
    FOR EACH ROW EXECUTE FUNCTION accounts_instruction_second_in_office();
"""

DROP = """
DROP TRIGGER accounts_instruction_second_office ON accounts_instruction_second;
DROP TRIGGER accounts_habilitation_mark ON accounts_habilitation;
DROP TABLE accounts_habilitation_approval;
DROP FUNCTION accounts_instruction_second_in_office, accounts_approval_guard, accounts_acts, accounts_holds,
    accounts_mark_approving;
ALTER TABLE accounts_habilitation DROP CONSTRAINT accounts_habilitation_granter;
"""


class Migration(migrations.Migration):
    """Existing habilitations stay in force: for them, the column `needs_approval` is false."""

    dependencies = [("accounts", "0009_members")]
    operations = [
        migrations.AddField(
            model_name="habilitation",
            name="needs_approval",
            field=models.BooleanField(default=False),
        ),
        migrations.RunSQL(SQL, DROP),
        migrations.CreateModel(
            name="HabilitationApproval",
            fields=[
                (
                    "habilitation",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="approval",
                        serialize=False,
                        to="accounts.habilitation",
                    ),
                ),
                ("granted_by_id", models.UUIDField()),
                ("approver_id", models.UUIDField()),
                ("approved_at", models.DateTimeField()),
            ],
            options={"db_table": "accounts_habilitation_approval", "managed": False},
        ),
    ]
