"""Lets a public node act only for a partner whose secret was presented to it."""

from django.db import migrations

SQL = """
-- The credential that a secret belongs to: by login and the password's SHA-256, or by the token's alone.
-- Secrets are 256 random bits, so that comparing their digests tells nothing of them. A revoked one is not
-- brought back by a clock that a public node sets.
CREATE FUNCTION accounts_credential_of(wanted_login text, secret bytea, instant timestamptz)
RETURNS TABLE (id uuid, organisation_id uuid, organisation text, person_id uuid, login text, quota integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT c.id, c.organisation_id, o.name::text, c.person_id, c.login::text, c.quota_per_minute
    FROM accounts_partnercredential c JOIN accounts_organisation o ON o.id = c.organisation_id
    WHERE (c.revoked_at IS NULL OR c.revoked_at > CASE WHEN session_user = 'fanal_intake'
            THEN greatest(instant, clock_timestamp()) ELSE instant END)
      AND CASE WHEN wanted_login IS NULL THEN c.token_digest = secret
            ELSE c.login = wanted_login AND c.password_digest = secret END
$$;

-- The digest of the secret that this session was shown last (`accounts.row_scope.present`).
CREATE FUNCTION accounts_presented() RETURNS bytea LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT decode(coalesce(current_setting('fanal.credential', true), ''), 'hex')
$$;

-- Whether this session may act for a sender: a public node only where that sender's secret was shown to it.
CREATE FUNCTION accounts_speaks_for(sender uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT session_user <> 'fanal_intake' OR EXISTS (
        SELECT FROM accounts_partnercredential c
        WHERE c.organisation_id = sender AND (c.revoked_at IS NULL OR c.revoked_at > clock_timestamp())
          AND accounts_presented() IN (c.token_digest, c.password_digest))
$$;

-- Names of organisations: a public node reads only the names of partners that it acts for.
CREATE FUNCTION accounts_names_of(ids uuid[]) RETURNS TABLE (id uuid, name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT o.id, o.name::text FROM accounts_organisation o
    WHERE o.id = ANY (ids) AND (session_user <> 'fanal_intake' OR accounts_speaks_for(o.id))
$$;

CREATE FUNCTION accounts_count_use(credential uuid, in_minute timestamptz) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    counted integer;
BEGIN
    IF session_user = 'fanal_intake' AND NOT (
        in_minute BETWEEN clock_timestamp() - interval '6 hours' AND clock_timestamp() + interval '5 minutes'
        AND EXISTS (SELECT FROM accounts_partnercredential c WHERE c.id = credential
                    AND accounts_presented() IN (c.token_digest, c.password_digest))) THEN
        RAISE EXCEPTION 'a public node counts who calls it' USING ERRCODE = 'insufficient_privilege';
    END IF;
    INSERT INTO accounts_partnerusage AS u (credential_id, minute, used) VALUES (credential, in_minute, 1)
    ON CONFLICT (credential_id, minute) DO UPDATE SET used = u.used + 1 RETURNING u.used INTO counted;
    RETURN counted;
END $$;
"""
DROP = """
DROP FUNCTION accounts_count_use, accounts_names_of, accounts_speaks_for, accounts_presented, accounts_credential_of
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0011_console_grants")]
    operations = [migrations.RunSQL(SQL, DROP)]
