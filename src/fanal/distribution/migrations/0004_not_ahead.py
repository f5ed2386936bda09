"""Refuses recipients and signing keys, and their revocation, dated in the future (`accounts_refuse_ahead`)."""

from django.db import migrations

SQL = """
CREATE TRIGGER distribution_recipient_ahead BEFORE INSERT OR UPDATE OF added_at ON distribution_recipient
    FOR EACH ROW EXECUTE FUNCTION accounts_refuse_ahead('added_at');
CREATE TRIGGER distribution_sender_key_ahead
    BEFORE INSERT OR UPDATE OF added_at, revoked_at ON distribution_sender_key FOR EACH ROW EXECUTE FUNCTION accounts_refuse_ahead('added_at', 'revoked_at');
"""
BACK = """
DROP TRIGGER distribution_recipient_ahead ON distribution_recipient;
DROP TRIGGER distribution_sender_key_ahead ON distribution_sender_key;
"""


class Migration(migrations.Migration):
    """Adds triggers, which check new rows only; stored rows stay as they are."""

    dependencies = [("distribution", "0003_senders"), ("accounts", "0020_no_act_ahead")]
    operations = [migrations.RunSQL(SQL, BACK)]
