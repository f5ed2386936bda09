"""Creates the function that erases facts, texts and proofs of referrals and sheets; the rows stay."""

from django.db import migrations

_STEPS = ("judicial_step", "judicial_sheet_step")


def _guards(function: str) -> str:
    return "\n".join(
        f"CREATE OR REPLACE TRIGGER {table}_frozen BEFORE UPDATE OR DELETE ON {table}"
        f" FOR EACH ROW EXECUTE FUNCTION {function};"
        for table in _STEPS
    )


FORWARD = """
CREATE FUNCTION judicial_erase_words(referrals uuid[], sheets uuid[]) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    counted integer;
    gone integer := 0;
BEGIN
    PERFORM set_config('fanal.erasing', 'on', true);
    DELETE FROM judicial_text WHERE referral_id = ANY (referrals);
    GET DIAGNOSTICS counted = ROW_COUNT;
    gone := gone + counted;
    DELETE FROM judicial_sheet_words WHERE sheet_id = ANY (sheets);
    GET DIAGNOSTICS counted = ROW_COUNT;
    gone := gone + counted;
    UPDATE judicial_step SET proof = '[…]' WHERE referral_id = ANY (referrals) AND proof <> '';
    UPDATE judicial_sheet_step SET proof = '[…]' WHERE sheet_id = ANY (sheets) AND proof <> '';
    PERFORM set_config('fanal.erasing', '', true);
    RETURN gone;
END
$$;
"""


class Migration(migrations.Migration):
    """Written in SQL, like the other tables of judicial (unmanaged models)."""

    dependencies = [("judicial", "0002_sheets"), ("accounts", "0008_expiry")]
    operations = [
        migrations.RunSQL(
            FORWARD + _guards("fanal_words_end('proof')"),
            _guards("judicial_append_only()") + "DROP FUNCTION judicial_erase_words;",
        )
    ]
