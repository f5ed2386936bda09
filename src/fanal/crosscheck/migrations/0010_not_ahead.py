"""Refuses judgements that are dated in the future (with the trigger function `accounts_refuse_ahead`)."""

from django.db import migrations

SQL = """
CREATE TRIGGER crosscheck_judgement_ahead BEFORE INSERT ON crosscheck_judgement
    FOR EACH ROW EXECUTE FUNCTION accounts_refuse_ahead('made_at');
"""
BACK = """
DROP TRIGGER crosscheck_judgement_ahead ON crosscheck_judgement;
"""


class Migration(migrations.Migration):
    """Triggers check new rows only; stored rows stay as they are."""

    dependencies = [("crosscheck", "0009_near_alone"), ("accounts", "0020_no_act_ahead")]
    operations = [migrations.RunSQL(SQL, BACK)]
