"""Refuses disclosures of an identity, and their reviews, that are dated in the future.

The trigger function is `accounts_refuse_ahead`.
"""

from django.db import migrations

SQL = """
CREATE TRIGGER harmonise_opening_ahead BEFORE INSERT ON harmonise_opening
    FOR EACH ROW EXECUTE FUNCTION accounts_refuse_ahead('opened_at');
CREATE TRIGGER harmonise_opening_seen_ahead BEFORE INSERT ON harmonise_opening_seen
    FOR EACH ROW EXECUTE FUNCTION accounts_refuse_ahead('seen_at');
"""
BACK = """
DROP TRIGGER harmonise_opening_ahead ON harmonise_opening;
DROP TRIGGER harmonise_opening_seen_ahead ON harmonise_opening_seen;
"""


class Migration(migrations.Migration):
    """Triggers check new rows only; stored rows stay as they are."""

    dependencies = [("harmonise", "0005_search_by_any_case"), ("accounts", "0020_no_act_ahead")]
    operations = [migrations.RunSQL(SQL, BACK)]
