"""Refuses recommendations, answers, sessions and first contacts dated in the future (`accounts_refuse_ahead`)."""

from django.db import migrations

SQL = """
CREATE TRIGGER measures_answer_ahead BEFORE INSERT ON measures_answer
    FOR EACH ROW EXECUTE FUNCTION accounts_refuse_ahead('at');
CREATE TRIGGER measures_contact_ahead BEFORE INSERT OR UPDATE OF informed_at ON measures_contact
    FOR EACH ROW EXECUTE FUNCTION accounts_refuse_ahead('informed_at');
CREATE TRIGGER measures_recommendation_ahead BEFORE INSERT ON measures_recommendation
    FOR EACH ROW EXECUTE FUNCTION accounts_refuse_ahead('made_at');
CREATE TRIGGER measures_session_ahead BEFORE INSERT ON measures_session
    FOR EACH ROW EXECUTE FUNCTION accounts_refuse_ahead('started_at');
"""
BACK = """
DROP TRIGGER measures_answer_ahead ON measures_answer;
DROP TRIGGER measures_contact_ahead ON measures_contact;
DROP TRIGGER measures_recommendation_ahead ON measures_recommendation;
DROP TRIGGER measures_session_ahead ON measures_session;
"""


class Migration(migrations.Migration):
    """Triggers check new rows only; stored rows stay as they are."""

    dependencies = [("measures", "0008_recipients"), ("accounts", "0020_no_act_ahead")]
    operations = [migrations.RunSQL(SQL, BACK)]
