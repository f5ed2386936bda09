"""Refuses decisions, feedback, notes, views and acknowledgements dated in the future (`accounts_refuse_ahead`)."""

from django.db import migrations

SQL = """
CREATE TRIGGER orient_alarm_not_ahead BEFORE INSERT OR UPDATE OF acknowledged_at ON orient_alarm
    FOR EACH ROW WHEN (NEW.acknowledged_at IS NOT NULL) EXECUTE FUNCTION accounts_refuse_ahead('acknowledged_at');
CREATE TRIGGER orient_decision_ahead BEFORE INSERT ON orient_decision
    FOR EACH ROW EXECUTE FUNCTION accounts_refuse_ahead('decided_at');
CREATE TRIGGER orient_feedback_ahead BEFORE INSERT ON orient_feedback
    FOR EACH ROW EXECUTE FUNCTION accounts_refuse_ahead('given_at');
CREATE TRIGGER orient_note_ahead BEFORE INSERT ON orient_note
    FOR EACH ROW EXECUTE FUNCTION accounts_refuse_ahead('written_at');
CREATE TRIGGER orient_unfolding_ahead BEFORE INSERT ON orient_unfolding
    FOR EACH ROW EXECUTE FUNCTION accounts_refuse_ahead('judged_at');
CREATE TRIGGER orient_view_ahead BEFORE INSERT OR UPDATE OF saved_at ON orient_view
    FOR EACH ROW EXECUTE FUNCTION accounts_refuse_ahead('saved_at');
"""
BACK = """
DROP TRIGGER orient_alarm_not_ahead ON orient_alarm;
DROP TRIGGER orient_decision_ahead ON orient_decision;
DROP TRIGGER orient_feedback_ahead ON orient_feedback;
DROP TRIGGER orient_note_ahead ON orient_note;
DROP TRIGGER orient_unfolding_ahead ON orient_unfolding;
DROP TRIGGER orient_view_ahead ON orient_view;
"""


class Migration(migrations.Migration):
    """Triggers check new rows only; stored rows stay as they are."""

    dependencies = [("orient", "0036_networks_of_nodes"), ("accounts", "0020_no_act_ahead")]
    operations = [migrations.RunSQL(SQL, BACK)]
