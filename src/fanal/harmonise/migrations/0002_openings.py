"""Creates the tables of disclosures of reporters' identities (who, when, purpose) and their reviews."""

from django.db import migrations

SQL = """
CREATE TABLE harmonise_opening (
    id uuid NOT NULL,
    report_id uuid NOT NULL,
    desk_id integer NOT NULL,
    person_id uuid NOT NULL,
    opened_at timestamptz NOT NULL,
    motive_digest bytea NOT NULL,
    CONSTRAINT harmonise_opening_pkey PRIMARY KEY (id)
);
CREATE INDEX harmonise_opening_desk ON harmonise_opening (desk_id, id);
CREATE INDEX harmonise_opening_report ON harmonise_opening (report_id, id);

-- The words expire with the report; the row above keeps their keyed digest.
CREATE TABLE harmonise_opening_motive (
    opening_id uuid NOT NULL,
    words text NOT NULL,
    CONSTRAINT harmonise_opening_motive_pkey PRIMARY KEY (opening_id),
    CONSTRAINT harmonise_opening_motive_opening
        FOREIGN KEY (opening_id) REFERENCES harmonise_opening (id)
);

CREATE TABLE harmonise_opening_seen (
    opening_id uuid NOT NULL,
    person_id uuid NOT NULL,
    seen_at timestamptz NOT NULL,
    CONSTRAINT harmonise_opening_seen_pkey PRIMARY KEY (opening_id, person_id),
    CONSTRAINT harmonise_opening_seen_opening
        FOREIGN KEY (opening_id) REFERENCES harmonise_opening (id)
);

CREATE FUNCTION harmonise_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER harmonise_opening_frozen BEFORE UPDATE OR DELETE ON harmonise_opening
    FOR EACH ROW EXECUTE FUNCTION harmonise_append_only();
CREATE TRIGGER harmonise_opening_kept BEFORE TRUNCATE ON harmonise_opening
    FOR EACH STATEMENT EXECUTE FUNCTION harmonise_append_only();
CREATE TRIGGER harmonise_opening_seen_frozen BEFORE UPDATE OR DELETE ON harmonise_opening_seen
    FOR EACH ROW EXECUTE FUNCTION harmonise_append_only();

-- Nobody is the other person of their own act.
CREATE FUNCTION harmonise_seen_by_another() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM harmonise_opening o
               WHERE o.id = NEW.opening_id AND o.person_id = NEW.person_id) THEN
        RAISE EXCEPTION 'an opening is seen by another person' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER harmonise_opening_seen_other BEFORE INSERT ON harmonise_opening_seen
    FOR EACH ROW EXECUTE FUNCTION harmonise_seen_by_another();
"""


class Migration(migrations.Migration):
    """Written in SQL, like the package's other tables (unmanaged models)."""

    dependencies = [("harmonise", "0001_initial")]
    operations = [migrations.RunSQL(SQL, migrations.RunSQL.noop)]
