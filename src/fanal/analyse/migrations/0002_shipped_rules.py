"""Lets the system alone activate the first (shipped) rule set; later ones need a dry run and two people."""

from django.db import migrations

FORWARD = """
ALTER TABLE analyse_ruleset ADD COLUMN source text NOT NULL DEFAULT '';

-- The system (its fixed person) puts the first set in force at install, and no other.
ALTER TABLE analyse_activation DROP CONSTRAINT analyse_activation_two_people;
ALTER TABLE analyse_activation ADD CONSTRAINT analyse_activation_two_people CHECK (
    approver_id <> author_id OR author_id = '00000000-0000-7000-8000-000000000001');
CREATE FUNCTION analyse_only_first_alone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.approver_id = NEW.author_id AND EXISTS (SELECT FROM analyse_activation) THEN
        RAISE EXCEPTION 'a rule set needs a second person' USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.approver_id <> NEW.author_id AND EXISTS (
        SELECT FROM analyse_ruleset r WHERE r.id = NEW.ruleset_id AND r.dry_run IS NULL) THEN
        RAISE EXCEPTION 'a rule set is run dry first' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER analyse_activation_first BEFORE INSERT ON analyse_activation
    FOR EACH ROW EXECUTE FUNCTION analyse_only_first_alone();
"""

BACKWARD = """
DROP TRIGGER analyse_activation_first ON analyse_activation;
DROP FUNCTION analyse_only_first_alone;
ALTER TABLE analyse_activation DROP CONSTRAINT analyse_activation_two_people;
ALTER TABLE analyse_activation ADD CONSTRAINT analyse_activation_two_people CHECK (
    approver_id <> author_id) NOT VALID;
ALTER TABLE analyse_ruleset DROP COLUMN source;
"""


class Migration(migrations.Migration):
    dependencies = [("analyse", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
