"""Adds an English name and a territory to desks, and their closing; no role is granted at a closed desk."""

from django.db import migrations, models

GUARD = """
ALTER TABLE accounts_desk ADD CONSTRAINT accounts_desk_first_stays CHECK (id <> 1 OR closed_at IS NULL);

-- Waits for a closing under way, which locks the desk's row.
CREATE FUNCTION accounts_habilitation_of_open_desk() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    closed timestamptz;
BEGIN
    SELECT closed_at INTO closed FROM accounts_desk WHERE id = NEW.desk_id FOR SHARE;
    IF closed IS NOT NULL THEN
        RAISE EXCEPTION 'this desk is closed' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER accounts_habilitation_of_open_desk BEFORE INSERT ON accounts_habilitation
    FOR EACH ROW WHEN (NEW.desk_id IS NOT NULL) EXECUTE FUNCTION accounts_habilitation_of_open_desk();

UPDATE accounts_desk SET name = 'Service national', name_en = 'National desk'
    WHERE id = 1 AND name = 'National desk';
"""
BACK = """
UPDATE accounts_desk SET name = 'National desk' WHERE id = 1 AND name = 'Service national';
DROP TRIGGER accounts_habilitation_of_open_desk ON accounts_habilitation;
DROP FUNCTION accounts_habilitation_of_open_desk;
ALTER TABLE accounts_desk DROP CONSTRAINT accounts_desk_first_stays;
"""


class Migration(migrations.Migration):
    """Adds columns with a default, so that processes of the earlier version continue to work."""

    dependencies = [("accounts", "0026_resets")]
    operations = [
        migrations.AddField(
            "desk",
            "name_en",
            models.CharField(max_length=200, default="", db_default="", blank=True),
        ),
        migrations.AddField(
            "desk",
            "territory",
            models.CharField(max_length=200, default="", db_default="", blank=True),
        ),
        migrations.AddField("desk", "closed_at", models.DateTimeField(null=True)),
        migrations.RunSQL(GUARD, BACK),
    ]
