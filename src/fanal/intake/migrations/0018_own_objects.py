"""Checks that a public node's deposits name only sealed objects of their own report."""

from django.db import migrations

FORWARD = """
-- The stages open what a report names, at the report's desk: another report's object would be read there.
CREATE FUNCTION intake_own_objects() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    named CONSTANT jsonb := to_jsonb(NEW);
    report CONSTANT uuid := coalesce(named ->> 'report_id', named ->> 'id');
BEGIN
    IF EXISTS (
        SELECT FROM unnest(ARRAY['object_id', 'identity_id', 'details_id']) AS k (name)
        WHERE named ->> k.name IS NOT NULL AND NOT EXISTS (
            SELECT FROM vault_object v
            WHERE v.id = (named ->> k.name)::uuid AND v.owner_id = report)) THEN
        RAISE EXCEPTION 'a public node names objects of its own report' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER intake_report_owns AFTER INSERT ON intake_report
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (session_user = 'fanal_intake') EXECUTE FUNCTION intake_own_objects();
CREATE CONSTRAINT TRIGGER intake_upload_owns AFTER INSERT OR UPDATE ON intake_upload
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (session_user = 'fanal_intake') EXECUTE FUNCTION intake_own_objects();
CREATE CONSTRAINT TRIGGER intake_message_owns AFTER INSERT ON intake_message
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (session_user = 'fanal_intake') EXECUTE FUNCTION intake_own_objects();
"""
BACK = """
DROP TRIGGER intake_message_owns ON intake_message;
DROP TRIGGER intake_upload_owns ON intake_upload;
DROP TRIGGER intake_report_owns ON intake_report;
DROP FUNCTION intake_own_objects;
"""


class Migration(migrations.Migration):
    dependencies = [("intake", "0017_review_office"), ("vault", "0006_erasure_list")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
