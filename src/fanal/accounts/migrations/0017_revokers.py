"""Restricts who may revoke or review a habilitation (grant of a role).

Only a supervisor of its desk may, whose own role is in force and who dates the act at the present time; and
the operator's console.
"""

from django.db import migrations

SQL = """
CREATE FUNCTION accounts_by_who_grants() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    author CONSTANT uuid := coalesce(to_jsonb(NEW) ->> 'reviewed_by_id', to_jsonb(NEW) ->> 'revoked_by_id')::uuid;
    at CONSTANT timestamptz := coalesce(to_jsonb(NEW) ->> 'reviewed_at', to_jsonb(NEW) ->> 'revoked_at')::timestamptz;
    ended accounts_habilitation;
BEGIN
    SELECT * INTO ended FROM accounts_habilitation WHERE id = NEW.habilitation_id;
    IF FOUND AND (ended.desk_id IS NULL OR NOT accounts_acts(author, ARRAY['SUPERVISOR'], ended.desk_id, at, '{}')) THEN
        RAISE EXCEPTION 'whoever ends or reviews it supervises another desk, or none'
            USING ERRCODE = 'check_violation';
    ELSIF at < ended.granted_at THEN
        RAISE EXCEPTION 'nothing ends before it was granted' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER accounts_revocation_by_who_grants BEFORE INSERT ON accounts_revocation FOR EACH ROW
    WHEN (current_user = 'fanal_app') EXECUTE FUNCTION accounts_by_who_grants();
CREATE TRIGGER accounts_review_by_who_grants BEFORE INSERT ON accounts_review FOR EACH ROW
    WHEN (current_user = 'fanal_app') EXECUTE FUNCTION accounts_by_who_grants();
"""
BACK = """
DROP TRIGGER accounts_revocation_by_who_grants ON accounts_revocation;
DROP TRIGGER accounts_review_by_who_grants ON accounts_review;
DROP FUNCTION accounts_by_who_grants;
"""


class Migration(migrations.Migration):
    """Adds triggers for the role of the desk's web process.

    The console, which uses the worker's role, is not restricted.
    """

    dependencies = [("accounts", "0016_strong_locks")]
    operations = [migrations.RunSQL(SQL, BACK)]
