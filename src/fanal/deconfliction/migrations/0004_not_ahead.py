"""Refuses counterparts, limits, steps and withholdings dated in the future (`accounts_refuse_ahead`)."""

from django.db import migrations

SQL = """
CREATE TRIGGER deconfliction_counterpart_ahead
    BEFORE INSERT OR UPDATE OF added_at ON deconfliction_counterpart FOR EACH ROW EXECUTE FUNCTION accounts_refuse_ahead('added_at');
CREATE TRIGGER deconfliction_limit_ahead BEFORE INSERT ON deconfliction_limit
    FOR EACH ROW EXECUTE FUNCTION accounts_refuse_ahead('set_at');
CREATE TRIGGER deconfliction_step_ahead BEFORE INSERT ON deconfliction_step
    FOR EACH ROW EXECUTE FUNCTION accounts_refuse_ahead('at');
CREATE TRIGGER deconfliction_withholding_ahead BEFORE INSERT ON deconfliction_withholding
    FOR EACH ROW EXECUTE FUNCTION accounts_refuse_ahead('made_at');
"""
BACK = """
DROP TRIGGER deconfliction_counterpart_ahead ON deconfliction_counterpart;
DROP TRIGGER deconfliction_limit_ahead ON deconfliction_limit;
DROP TRIGGER deconfliction_step_ahead ON deconfliction_step;
DROP TRIGGER deconfliction_withholding_ahead ON deconfliction_withholding;
"""


class Migration(migrations.Migration):
    """Adds triggers, which check new rows only; stored rows stay as they are."""

    dependencies = [("deconfliction", "0003_identities"), ("accounts", "0020_no_act_ahead")]
    operations = [migrations.RunSQL(SQL, BACK)]
