"""Refuses a public node's deposit by a channel that it does not serve.

A telephone call, a letter, a visit and an import are entered by a person of the desk, whom the ledger
names.
"""

from django.db import migrations

FORWARD = """
CREATE FUNCTION intake_channel_of_node() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF (CASE WHEN NEW.sender_id = '00000000-0000-0000-0000-000000000000' THEN NEW.arrival = 'FORM'
             ELSE NEW.arrival IN ('API', 'WIRE') END) IS NOT TRUE THEN
        RAISE EXCEPTION 'the public''s forms and partners'' messages alone arrive by a public node'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER intake_report_channel_of_node BEFORE INSERT ON intake_report FOR EACH ROW
    WHEN (session_user = 'fanal_intake') EXECUTE FUNCTION intake_channel_of_node();
"""
BACK = """
DROP TRIGGER intake_report_channel_of_node ON intake_report;
DROP FUNCTION intake_channel_of_node;
"""


class Migration(migrations.Migration):
    """Adds a trigger to one table."""

    dependencies = [("intake", "0034_voice")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
