"""Refuses rows for another sender's stored report at insertion, not only at the end of the transaction."""

from django.db import migrations

FORWARD = """
-- A row that is inserted keeps the next one of its key waiting: the first work of another's report would keep
-- its sender from finishing it. Whether a report is there at all is still looked for at the end.
CREATE FUNCTION intake_part_begins() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM intake_require_sender(r.sender_id, true) FROM intake_report r WHERE r.id = NEW.report_id;
    RETURN NEW;
END
$$;
CREATE TRIGGER intake_upload_of_sender BEFORE INSERT ON intake_upload FOR EACH ROW
    WHEN (session_user = 'fanal_intake') EXECUTE FUNCTION intake_part_begins();
CREATE TRIGGER intake_receipt_of_sender BEFORE INSERT ON intake_receipt FOR EACH ROW
    WHEN (session_user = 'fanal_intake') EXECUTE FUNCTION intake_part_begins();
CREATE TRIGGER intake_work_of_sender BEFORE INSERT ON intake_work FOR EACH ROW
    WHEN (session_user = 'fanal_intake') EXECUTE FUNCTION intake_part_begins();
"""
BACK = """
DROP TRIGGER intake_work_of_sender ON intake_work;
DROP TRIGGER intake_receipt_of_sender ON intake_receipt;
DROP TRIGGER intake_upload_of_sender ON intake_upload;
DROP FUNCTION intake_part_begins;
"""


class Migration(migrations.Migration):
    dependencies = [("intake", "0023_own_keys")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
