"""Lets a public node read and withdraw only cases of the sender that it names."""

from django.db import migrations

FORWARD = """
-- Everybody's cases (NULL) are the system's; the public's (zero) are withdrawn by nobody.
CREATE FUNCTION orient_require_sender(sender uuid) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
BEGIN
    IF session_user = 'fanal_intake'
        AND coalesce(sender, '00000000-0000-0000-0000-000000000000')
            = '00000000-0000-0000-0000-000000000000' THEN
        RAISE EXCEPTION 'a public node names the sender' USING ERRCODE = 'insufficient_privilege';
    END IF;
END
$$;

DROP FUNCTION orient_state_of(uuid);
CREATE FUNCTION orient_state_of(report uuid, sender uuid) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM orient_require_sender(sender);
    RETURN (SELECT c.state FROM orient_case c
            WHERE c.report_id = report AND (sender IS NULL OR c.sender_id = sender));
END
$$;

DROP FUNCTION orient_withdraw(uuid);
CREATE FUNCTION orient_withdraw(report uuid, sender uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM orient_require_sender(sender);
    UPDATE orient_case c SET state = 'WITHDRAWN', claimed_by = NULL, lease_until = NULL, head_id = NULL
    WHERE c.report_id = report AND (sender IS NULL OR c.sender_id = sender)
      AND c.state IN ('TO_ASSESS', 'CLAIMED', 'FOLDED', 'HANDED_OVER');
    RETURN FOUND;
END
$$;
"""


class Migration(migrations.Migration):
    """Replaces functions. Not reversible: the earlier versions would open other senders' cases."""

    dependencies = [("orient", "0017_calls")]
    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
