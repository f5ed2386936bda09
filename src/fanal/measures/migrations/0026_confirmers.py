"""Lets nobody confirm an addressee whose role was granted or approved by an author of what they confirm.

The database held the other rules of a second person; this one, which every other act of two people has in the
database, was held by the program alone (`measures.addressees.acts.confirm_entry`).
"""

from django.db import migrations

FUNCTION = """
CREATE OR REPLACE FUNCTION measures_addressee_second_allowed() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT accounts_acts(NEW.second_id, ARRAY['SUPERVISOR', 'MEASURES_OFFICER'], NULL, NEW.seconded_at, {}) THEN
        RAISE EXCEPTION 'this person may not confirm addressees' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
"""
AUTHORS = """ARRAY(
        SELECT a.author_id FROM measures_addressee a
        WHERE a.id = NEW.addressee_id AND a.version > coalesce((SELECT max(s.version)
            FROM measures_addressee_second s WHERE s.addressee_id = NEW.addressee_id), 0))"""


class Migration(migrations.Migration):
    """The trigger checks new rows only; stored rows stay as they are."""

    dependencies = [("measures", "0025_cosigned_lists")]
    operations = [
        migrations.RunSQL(FUNCTION.replace("{}", AUTHORS), FUNCTION.replace("{}", "'{}'"))
    ]
