"""Asks for the office of a person who withholds a dossier or ends that, and dates each key of a counterpart.

A standing instruction covers a counterpart if it was approved after its key was registered: the database refuses
another key or name, or a new counterpart, whose key is dated earlier than a minute ago. An ended key stays known.
"""

from django.db import migrations

SQL = """
CREATE FUNCTION deconfliction_withholding_office() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT accounts_acts(NEW.author_id, ARRAY['ANALYST', 'SUPERVISOR', 'JUDICIAL_OFFICER', 'MEASURES_OFFICER'],
            NEW.desk_id, NEW.made_at, '{}') THEN
        RAISE EXCEPTION 'this person may not withhold dossiers at this desk' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
-- After: the row policies refuse a row of another desk first.
CREATE TRIGGER deconfliction_withholding_office AFTER INSERT ON deconfliction_withholding
    FOR EACH ROW EXECUTE FUNCTION deconfliction_withholding_office();

CREATE FUNCTION deconfliction_key_dated() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.keyed_at < clock_timestamp() - interval '1 minute'
        AND NOT EXISTS (SELECT FROM fanal_instance WHERE mark = 'DEMO') THEN
        RAISE EXCEPTION 'the key of a counterpart is dated when it is registered' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER deconfliction_counterpart_dated BEFORE INSERT ON deconfliction_counterpart
    FOR EACH ROW EXECUTE FUNCTION deconfliction_key_dated();
CREATE TRIGGER deconfliction_counterpart_rekeyed BEFORE UPDATE ON deconfliction_counterpart FOR EACH ROW
    WHEN ((OLD.public_key, OLD.name, OLD.keyed_at) IS DISTINCT FROM (NEW.public_key, NEW.name, NEW.keyed_at))
    EXECUTE FUNCTION deconfliction_key_dated();

CREATE FUNCTION deconfliction_key_ended() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM deconfliction_former_key WHERE public_key = OLD.public_key)
        OR EXISTS (SELECT FROM deconfliction_former_key WHERE public_key = NEW.public_key) THEN
        RAISE EXCEPTION 'a key that ends is stored as ended, and does not return' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER deconfliction_counterpart_unkeyed BEFORE UPDATE ON deconfliction_counterpart FOR EACH ROW
    WHEN (OLD.public_key <> NEW.public_key) EXECUTE FUNCTION deconfliction_key_ended();
"""
BACK = """
DROP TRIGGER deconfliction_withholding_office ON deconfliction_withholding;
DROP TRIGGER deconfliction_counterpart_dated ON deconfliction_counterpart;
DROP TRIGGER deconfliction_counterpart_rekeyed ON deconfliction_counterpart;
DROP TRIGGER deconfliction_counterpart_unkeyed ON deconfliction_counterpart;
DROP FUNCTION deconfliction_withholding_office, deconfliction_key_dated, deconfliction_key_ended;
"""


class Migration(migrations.Migration):
    """Triggers check new rows only; stored rows stay as they are."""

    dependencies = [("deconfliction", "0008_keys_of_answers"), ("accounts", "0020_no_act_ahead")]
    operations = [migrations.RunSQL(SQL, BACK)]
