"""Raises alarms when a report is stored, and queues each call in an outbox with leases.

The triggers run in the transaction that stores the report: its commit has raised the alarm and queued the
call, independently of the stages, other senders and other partners.
"""

from django.db import migrations

FORWARD = """
-- `recorded_at`: when the raising entered the ledger; a trigger cannot write there.
ALTER TABLE orient_alarm ADD COLUMN recorded_at timestamptz;
UPDATE orient_alarm SET recorded_at = raised_at;
CREATE INDEX orient_alarm_to_record ON orient_alarm (raised_at) WHERE recorded_at IS NULL;

-- One row for each occasion on which the duty people are called: the raising, and the escalation.
-- Instants of the lease and of the next attempt are the database's own (`now()`).
CREATE TABLE orient_call (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    alarm_id uuid NOT NULL,
    escalated boolean NOT NULL,
    queued_at timestamptz NOT NULL DEFAULT now(),
    not_before timestamptz NOT NULL DEFAULT now(),
    attempts integer NOT NULL DEFAULT 0,
    lease_token uuid,
    lease_until timestamptz,
    lease_holder integer,
    failed_at timestamptz,
    failure text NOT NULL DEFAULT '',
    outcome text,
    ended_at timestamptz,
    CONSTRAINT orient_call_pkey PRIMARY KEY (id),
    CONSTRAINT orient_call_once UNIQUE (alarm_id, escalated),
    CONSTRAINT orient_call_alarm FOREIGN KEY (alarm_id) REFERENCES orient_alarm (id) ON DELETE CASCADE,
    CONSTRAINT orient_call_outcome CHECK (outcome IN ('SENT', 'LEFT', 'GIVEN_UP', 'ANSWERED')),
    CONSTRAINT orient_call_ended CHECK ((outcome IS NULL) = (ended_at IS NULL))
);
CREATE INDEX orient_call_due ON orient_call (queued_at) WHERE outcome IS NULL;

-- The processes that send: a sign of life every few seconds.
CREATE TABLE orient_caller (
    holder integer NOT NULL,
    seen_at timestamptz NOT NULL,
    CONSTRAINT orient_caller_pkey PRIMARY KEY (holder)
);

-- At the upgrade: what was called for within the last day and that nobody answered is called for once more,
-- rather than perhaps never.
INSERT INTO orient_call (alarm_id, escalated)
SELECT id, false FROM orient_alarm WHERE acknowledged_at IS NULL
    AND (called_at IS NULL OR raised_at > now() - interval '1 day');
DROP INDEX orient_alarm_to_call, orient_alarm_to_call_again;
ALTER TABLE orient_alarm DROP COLUMN called_at, DROP COLUMN called_again_at;

CREATE FUNCTION orient_queue_call() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO orient_call (alarm_id, escalated) VALUES (NEW.id, NEW.escalated_at IS NOT NULL)
    ON CONFLICT DO NOTHING;
    NOTIFY fanal_alarm;
    RETURN NULL;
END
$$;
CREATE TRIGGER orient_alarm_calls AFTER INSERT ON orient_alarm FOR EACH ROW
    WHEN (NEW.acknowledged_at IS NULL) EXECUTE FUNCTION orient_queue_call();
CREATE TRIGGER orient_alarm_calls_again AFTER UPDATE OF escalated_at ON orient_alarm FOR EACH ROW
    WHEN (OLD.escalated_at IS NULL AND NEW.escalated_at IS NOT NULL) EXECUTE FUNCTION orient_queue_call();

-- An answered alarm needs no further call; one that is on its way may still arrive.
CREATE FUNCTION orient_end_calls() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE orient_call SET outcome = 'ANSWERED', ended_at = NEW.acknowledged_at
    WHERE alarm_id = NEW.id AND outcome IS NULL;
    RETURN NULL;
END
$$;
CREATE TRIGGER orient_alarm_answered AFTER UPDATE OF acknowledged_at ON orient_alarm FOR EACH ROW
    WHEN (OLD.acknowledged_at IS NULL AND NEW.acknowledged_at IS NOT NULL)
    EXECUTE FUNCTION orient_end_calls();

CREATE FUNCTION orient_alarm_of_deposit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO orient_alarm (id, report_id, desk_id, code, raised_at)
    VALUES (gen_random_uuid(), NEW.id, NEW.desk_id, 'CHILD_IN_DANGER', NEW.received_at)
    ON CONFLICT (report_id, code) DO NOTHING;
    RETURN NULL;
END
$$;
CREATE TRIGGER orient_deposit_alarms AFTER INSERT ON intake_report FOR EACH ROW
    WHEN (NEW.urgent AND NOT NEW.is_test) EXECUTE FUNCTION orient_alarm_of_deposit();

-- What was deposited just before the upgrade, and no worker had looked at.
INSERT INTO orient_alarm (id, report_id, desk_id, code, raised_at)
SELECT gen_random_uuid(), r.id, r.desk_id, 'CHILD_IN_DANGER', r.received_at FROM intake_report r
WHERE r.urgent AND NOT r.is_test AND r.received_at > now() - interval '1 day'
ON CONFLICT (report_id, code) DO NOTHING;
"""
BACKWARD = """
DROP TRIGGER orient_deposit_alarms ON intake_report;
DROP TRIGGER orient_alarm_calls ON orient_alarm;
DROP TRIGGER orient_alarm_calls_again ON orient_alarm;
DROP TRIGGER orient_alarm_answered ON orient_alarm;
DROP FUNCTION orient_alarm_of_deposit, orient_queue_call, orient_end_calls;
ALTER TABLE orient_alarm ADD COLUMN called_at timestamptz, ADD COLUMN called_again_at timestamptz,
    DROP COLUMN recorded_at;
UPDATE orient_alarm a SET called_at = raised_at
    WHERE EXISTS (SELECT FROM orient_call c WHERE c.alarm_id = a.id AND c.outcome IS NOT NULL);
DROP TABLE orient_call, orient_caller;
CREATE INDEX orient_alarm_to_call ON orient_alarm (raised_at)
    WHERE acknowledged_at IS NULL AND called_at IS NULL;
CREATE INDEX orient_alarm_to_call_again ON orient_alarm (raised_at)
    WHERE acknowledged_at IS NULL AND called_again_at IS NULL AND escalated_at IS NOT NULL;
"""


class Migration(migrations.Migration):
    """Written in SQL, like the package's other tables (unmanaged models)."""

    dependencies = [("orient", "0016_assessed_files"), ("intake", "0010_transfers")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
