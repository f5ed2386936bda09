"""Limits the length of a receipt that a public node stores: long ones had filled the log with gigabytes."""

from django.db import migrations

FORWARD = """
DROP TRIGGER intake_receipt_short_of_node ON intake_receipt;
CREATE TRIGGER intake_receipt_short_of_node BEFORE INSERT ON intake_receipt FOR EACH ROW
    WHEN (session_user = 'fanal_intake' AND (octet_length(NEW.signed) > 2000
        OR octet_length(NEW.public_key) > 200 OR octet_length(NEW.lookup_hash) > 100))
    EXECUTE FUNCTION intake_refuse_long();
"""
BACK = """
DROP TRIGGER intake_receipt_short_of_node ON intake_receipt;
CREATE TRIGGER intake_receipt_short_of_node BEFORE INSERT ON intake_receipt FOR EACH ROW
    WHEN (session_user = 'fanal_intake' AND (octet_length(NEW.signed) > 20000
        OR octet_length(NEW.public_key) > 1000 OR octet_length(NEW.lookup_hash) > 100))
    EXECUTE FUNCTION intake_refuse_long();
"""


class Migration(migrations.Migration):
    """Replaces the trigger of `0027_short_of_nodes`."""

    dependencies = [("intake", "0030_queue_by_turns")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
