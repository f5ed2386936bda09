"""Fixes the instant of a credential's revocation once it has passed: it cannot be moved at all."""

from django.db import migrations

TRIGGER = """
DROP TRIGGER accounts_partnercredential_kept ON accounts_partnercredential;
CREATE TRIGGER accounts_partnercredential_kept BEFORE UPDATE OF revoked_at ON accounts_partnercredential
    FOR EACH ROW WHEN ({moved})
    EXECUTE FUNCTION accounts_partnercredential_keep();
"""
LATER = "coalesce(NEW.revoked_at, 'infinity') > OLD.revoked_at"
OTHER = f"{LATER} OR NEW.revoked_at < OLD.revoked_at AND OLD.revoked_at <= clock_timestamp()"


class Migration(migrations.Migration):
    """Replaces the trigger of `0021_revoked_for_good`."""

    dependencies = [("accounts", "0021_revoked_for_good")]
    operations = [
        migrations.RunSQL(TRIGGER.format(moved=OTHER), TRIGGER.format(moved=LATER)),
    ]
