"""Limits the length of the texts that a public node states about a file or a receipt."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION intake_refuse_long() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'a public node deposits in few words' USING ERRCODE = 'check_violation';
END
$$;
CREATE TRIGGER intake_upload_short_of_node BEFORE INSERT ON intake_upload FOR EACH ROW
    WHEN (session_user = 'fanal_intake' AND (octet_length(NEW.name) > 10000 OR octet_length(NEW.file_id) > 2000
        OR octet_length(NEW.md5) > 100 OR octet_length(NEW.sha1) > 100 OR octet_length(NEW.sha256) > 100))
    EXECUTE FUNCTION intake_refuse_long();
CREATE TRIGGER intake_receipt_short_of_node BEFORE INSERT ON intake_receipt FOR EACH ROW
    WHEN (session_user = 'fanal_intake' AND (octet_length(NEW.signed) > 20000
        OR octet_length(NEW.public_key) > 1000 OR octet_length(NEW.lookup_hash) > 100))
    EXECUTE FUNCTION intake_refuse_long();
"""
BACK = """
DROP TRIGGER intake_receipt_short_of_node ON intake_receipt;
DROP TRIGGER intake_upload_short_of_node ON intake_upload;
DROP FUNCTION intake_refuse_long;
"""


class Migration(migrations.Migration):
    """Adds triggers to tables."""

    dependencies = [("intake", "0026_drawn_numbers")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
