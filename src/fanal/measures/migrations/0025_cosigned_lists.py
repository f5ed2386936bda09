"""Keeps which versions of the blocking list a controller's machine cosigned before they left (ADR 0090).

`measures_blocklist_cosigned` has the checkpoint with its cosignatures. `measures_blocklist_shown` has the acts
in those versions and the latest expiry that such a version stated: nothing else leaves without another
cosignature. `measures_blocklist_gate` has one row: the witnesses, and what waits for them, since when and why.
It holds no name of a site.
"""

from django.db import migrations

SQL = """
ALTER TABLE measures_blocklist DROP CONSTRAINT measures_blocklist_purpose,
    ADD CONSTRAINT measures_blocklist_purpose CHECK (purpose IN ('export', 'publish', 'propose'));

CREATE TABLE measures_blocklist_cosigned (
    serial bigint NOT NULL,
    cosigned_at timestamptz NOT NULL,
    checkpoint text NOT NULL,
    CONSTRAINT measures_blocklist_cosigned_pkey PRIMARY KEY (serial),
    CONSTRAINT measures_blocklist_cosigned_serial FOREIGN KEY (serial) REFERENCES measures_blocklist (serial),
    CONSTRAINT measures_blocklist_cosigned_note CHECK (checkpoint <> '' AND length(checkpoint) <= 65536)
);
CREATE TRIGGER measures_blocklist_cosigned_kept BEFORE UPDATE OR DELETE ON measures_blocklist_cosigned
    FOR EACH ROW EXECUTE FUNCTION measures_append_only();
CREATE TRIGGER measures_blocklist_cosigned_whole BEFORE TRUNCATE ON measures_blocklist_cosigned
    FOR EACH STATEMENT EXECUTE FUNCTION measures_append_only();

CREATE TABLE measures_blocklist_shown (
    act_id uuid NOT NULL,
    serial bigint NOT NULL,
    until timestamptz NOT NULL,
    CONSTRAINT measures_blocklist_shown_pkey PRIMARY KEY (act_id),
    CONSTRAINT measures_blocklist_shown_act FOREIGN KEY (act_id) REFERENCES casework_act (id),
    CONSTRAINT measures_blocklist_shown_serial FOREIGN KEY (serial)
        REFERENCES measures_blocklist_cosigned (serial)
);
CREATE FUNCTION measures_blocklist_shown_later() RETURNS trigger LANGUAGE plpgsql
    SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP <> 'UPDATE' OR NEW.act_id <> OLD.act_id OR NEW.until <= OLD.until THEN
        RAISE EXCEPTION 'what was shown stays shown' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER measures_blocklist_shown_later BEFORE UPDATE OR DELETE ON measures_blocklist_shown
    FOR EACH ROW EXECUTE FUNCTION measures_blocklist_shown_later();
CREATE TRIGGER measures_blocklist_shown_whole BEFORE TRUNCATE ON measures_blocklist_shown
    FOR EACH STATEMENT EXECUTE FUNCTION measures_append_only();

CREATE TABLE measures_blocklist_gate (
    one boolean NOT NULL DEFAULT true,
    witnesses text NOT NULL,
    names integer NOT NULL,
    since timestamptz,
    code text NOT NULL,
    detail text NOT NULL,
    told_at timestamptz,
    CONSTRAINT measures_blocklist_gate_pkey PRIMARY KEY (one),
    CONSTRAINT measures_blocklist_gate_one CHECK (one),
    CONSTRAINT measures_blocklist_gate_waits CHECK ((since IS NULL) = (names = 0) AND names >= 0),
    CONSTRAINT measures_blocklist_gate_code CHECK (code IN ('', 'ASKED', 'SILENT', 'SETTINGS', 'LOG')),
    CONSTRAINT measures_blocklist_gate_words CHECK (length(witnesses) <= 2000 AND length(detail) <= 500)
);
"""
BACK = """
DROP TABLE measures_blocklist_gate, measures_blocklist_shown, measures_blocklist_cosigned;
DROP FUNCTION measures_blocklist_shown_later;
ALTER TABLE measures_blocklist DROP CONSTRAINT measures_blocklist_purpose;
ALTER TABLE measures_blocklist ADD CONSTRAINT measures_blocklist_purpose
    CHECK (purpose IN ('export', 'publish')) NOT VALID;
"""


class Migration(migrations.Migration):
    """Written in SQL, like the other tables of measures (unmanaged models)."""

    dependencies = [("measures", "0024_returned")]
    operations = [migrations.RunSQL(SQL, BACK)]
