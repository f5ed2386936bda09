"""Records revoked lists and former owners, so that members delete the entries that they may no longer hold."""

from django.db import migrations

FORWARD = """
-- A list that closes for a member stays here: at that place all that it was told is gone.
ALTER TABLE exchange_grant ADD COLUMN state text NOT NULL DEFAULT 'OPEN',
    ADD CONSTRAINT exchange_grant_state CHECK (state IN ('OPEN', 'CLOSED', 'PAUSED'));

-- Readers keep entries by owner and id: whose a list was up to a place.
CREATE TABLE exchange_former (
    list_id uuid NOT NULL,
    seq bigint NOT NULL,
    owner_id uuid,
    CONSTRAINT exchange_former_pkey PRIMARY KEY (list_id, seq)
);
CREATE FUNCTION exchange_list_left() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO exchange_former (list_id, seq, owner_id) VALUES (NEW.id, exchange_take(1), OLD.owner_id);
    RETURN NULL;
END
$$;
-- By its name after `exchange_described`, which tells the entries of the new owner: a reader has each value all the while.
CREATE CONSTRAINT TRIGGER exchange_left AFTER UPDATE ON analyse_list
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.owner_id IS DISTINCT FROM NEW.owner_id) EXECUTE FUNCTION exchange_list_left();
"""

BACKWARD = """
DROP TRIGGER exchange_left ON analyse_list;
DROP FUNCTION exchange_list_left;
DROP TABLE exchange_former;
DELETE FROM exchange_grant WHERE state <> 'OPEN';
ALTER TABLE exchange_grant DROP COLUMN state;
"""


class Migration(migrations.Migration):
    """Adds a column, and creates a table and the trigger that fills it."""

    dependencies = [("exchange", "0005_own_values")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
