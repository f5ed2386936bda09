"""Checks that people who propose or approve an early erasure are supervisors of the report's desk at that time."""

from django.db import migrations

SQL = """
ALTER TABLE intake_review ADD CONSTRAINT intake_review_person_id FOREIGN KEY (person_id)
    REFERENCES accounts_person (id);

CREATE FUNCTION intake_review_office() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT accounts_acts(NEW.person_id, ARRAY['SUPERVISOR'],
            (SELECT desk_id FROM intake_report WHERE id = NEW.report_id), NEW.decided_at, '{}') THEN
        RAISE EXCEPTION 'who reviews a report supervises its desk' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER intake_review_office BEFORE INSERT ON intake_review
    FOR EACH ROW EXECUTE FUNCTION intake_review_office();

-- Of those who supervise the desk, one whom the proposer did not habilitate.
CREATE FUNCTION intake_review_second_office() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT accounts_acts(NEW.second_id, ARRAY['SUPERVISOR'], (
            SELECT r.desk_id FROM intake_review v JOIN intake_report r ON r.id = v.report_id
            WHERE v.id = NEW.review_id), NEW.decided_at, ARRAY[NEW.person_id]) THEN
        RAISE EXCEPTION 'the second person holds no role for it' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER intake_review_second_office BEFORE INSERT ON intake_review_second
    FOR EACH ROW EXECUTE FUNCTION intake_review_second_office();
"""
DROP = """
DROP TRIGGER intake_review_second_office ON intake_review_second;
DROP TRIGGER intake_review_office ON intake_review;
DROP FUNCTION intake_review_second_office, intake_review_office;
ALTER TABLE intake_review DROP CONSTRAINT intake_review_person_id;
"""


class Migration(migrations.Migration):
    """Written in SQL, like the package's other tables (unmanaged models)."""

    dependencies = [
        ("intake", "0016_node_acts_now"),
        ("accounts", "0010_habilitation_approval"),
    ]
    operations = [migrations.RunSQL(SQL, DROP)]
