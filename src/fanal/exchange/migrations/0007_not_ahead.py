"""Refuses sources that a person adds with a date in the future (`accounts_refuse_ahead`)."""

from django.db import migrations

SQL = """
CREATE TRIGGER exchange_source_ahead BEFORE INSERT OR UPDATE OF added_at ON exchange_source
    FOR EACH ROW EXECUTE FUNCTION accounts_refuse_ahead('added_at');
"""
BACK = """
DROP TRIGGER exchange_source_ahead ON exchange_source;
"""


class Migration(migrations.Migration):
    """Adds triggers, which check new rows only; stored rows stay as they are."""

    dependencies = [("exchange", "0006_taken_back"), ("accounts", "0020_no_act_ahead")]
    operations = [migrations.RunSQL(SQL, BACK)]
