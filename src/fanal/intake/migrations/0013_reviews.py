"""Creates the tables of periodic reviews: reports still needed, and early erasures approved by a second person."""

from django.db import migrations

FORWARD = """
-- No words: the motive of each act is the ledger's, and ends there.
CREATE TABLE intake_review (
    id uuid NOT NULL,
    report_id uuid NOT NULL,
    verdict text NOT NULL,
    person_id uuid NOT NULL,
    decided_at timestamptz NOT NULL,
    CONSTRAINT intake_review_pkey PRIMARY KEY (id),
    CONSTRAINT intake_review_person UNIQUE (id, person_id),
    CONSTRAINT intake_review_verdict CHECK (verdict IN ('KEEP', 'END'))
);
CREATE INDEX intake_review_report ON intake_review (report_id, id);

-- A report ends before its date when another person agrees.
CREATE TABLE intake_review_second (
    review_id uuid NOT NULL,
    person_id uuid NOT NULL,
    second_id uuid NOT NULL,
    agreed boolean NOT NULL,
    decided_at timestamptz NOT NULL,
    CONSTRAINT intake_review_second_pkey PRIMARY KEY (review_id),
    CONSTRAINT intake_review_second_of FOREIGN KEY (review_id, person_id)
        REFERENCES intake_review (id, person_id),
    CONSTRAINT intake_review_second_two_people CHECK (second_id <> person_id)
);

-- Only the newest review of a report waits for a second person, and only where it would end it.
CREATE FUNCTION intake_review_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM intake_review v WHERE v.id = NEW.review_id AND v.verdict = 'END' AND NOT EXISTS (
        SELECT FROM intake_review n WHERE n.report_id = v.report_id AND n.id > v.id);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the review does not wait for a second person' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER intake_review_second_guard BEFORE INSERT ON intake_review_second
    FOR EACH ROW EXECUTE FUNCTION intake_review_guard();

CREATE FUNCTION intake_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER intake_review_frozen BEFORE UPDATE OR DELETE ON intake_review
    FOR EACH ROW EXECUTE FUNCTION intake_append_only();
CREATE TRIGGER intake_review_kept BEFORE TRUNCATE ON intake_review
    FOR EACH STATEMENT EXECUTE FUNCTION intake_append_only();
CREATE TRIGGER intake_review_second_frozen BEFORE UPDATE OR DELETE ON intake_review_second
    FOR EACH ROW EXECUTE FUNCTION intake_append_only();
CREATE TRIGGER intake_review_second_kept BEFORE TRUNCATE ON intake_review_second
    FOR EACH STATEMENT EXECUTE FUNCTION intake_append_only();
"""
BACKWARD = """
DROP TABLE intake_review_second, intake_review;
DROP FUNCTION intake_review_guard, intake_append_only;
"""


class Migration(migrations.Migration):
    """Written in SQL, like the package's other tables (unmanaged models)."""

    dependencies = [("intake", "0012_named_senders")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
