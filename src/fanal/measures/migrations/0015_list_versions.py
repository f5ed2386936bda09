"""Keeps of each version of the blocking list its digest, purpose and maker; no serial is earlier than the last.

`measures_blocklist_cleared` has the acts whose name left in a published version: what they name is no change
any more. It holds no name.
"""

from django.db import migrations

SQL = """
ALTER TABLE measures_blocklist
    ADD COLUMN position bigint GENERATED ALWAYS AS IDENTITY,
    ADD COLUMN digest text NOT NULL DEFAULT '',
    ADD COLUMN purpose text NOT NULL DEFAULT 'export',
    ADD COLUMN made_by uuid,
    ADD CONSTRAINT measures_blocklist_position UNIQUE (position),
    ADD CONSTRAINT measures_blocklist_digest CHECK (digest ~ '^([0-9a-f]{64})?$'),
    ADD CONSTRAINT measures_blocklist_purpose CHECK (purpose IN ('export', 'publish'));

CREATE TABLE measures_blocklist_cleared (
    act_id uuid NOT NULL,
    serial bigint NOT NULL,
    CONSTRAINT measures_blocklist_cleared_pkey PRIMARY KEY (act_id),
    CONSTRAINT measures_blocklist_cleared_act FOREIGN KEY (act_id) REFERENCES casework_act (id),
    CONSTRAINT measures_blocklist_cleared_serial FOREIGN KEY (serial) REFERENCES measures_blocklist (serial)
);
CREATE TRIGGER measures_blocklist_cleared_kept BEFORE UPDATE OR DELETE ON measures_blocklist_cleared
    FOR EACH ROW EXECUTE FUNCTION measures_append_only();
CREATE TRIGGER measures_blocklist_cleared_whole BEFORE TRUNCATE ON measures_blocklist_cleared
    FOR EACH STATEMENT EXECUTE FUNCTION measures_append_only();

-- RFC 1982: later by less than half of all serials. The lock is that of the program.
CREATE FUNCTION measures_blocklist_later() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    last bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(1112297283);  -- 0x424C4F43
    SELECT serial INTO last FROM measures_blocklist ORDER BY position DESC LIMIT 1;
    IF (NEW.serial - last + 4294967296) % 4294967296 NOT BETWEEN 1 AND 2147483647 THEN
        RAISE EXCEPTION 'the serial % is not later than %', NEW.serial, last USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER measures_blocklist_later BEFORE INSERT ON measures_blocklist
    FOR EACH ROW EXECUTE FUNCTION measures_blocklist_later();
"""
BACK = """
DROP TRIGGER measures_blocklist_later ON measures_blocklist;
DROP FUNCTION measures_blocklist_later;
DROP TABLE measures_blocklist_cleared;
ALTER TABLE measures_blocklist DROP COLUMN position, DROP COLUMN digest, DROP COLUMN purpose, DROP COLUMN made_by;
"""


class Migration(migrations.Migration):
    """Written in SQL, like the other tables of measures (unmanaged models)."""

    dependencies = [("measures", "0014_dereferencing")]
    operations = [migrations.RunSQL(SQL, BACK)]
