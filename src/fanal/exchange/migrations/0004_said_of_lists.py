"""Records a change of a list's metadata in the feed as a change of all entries of the list.

Member organisations read the metadata with each entry.
"""

from django.db import migrations

FORWARD = """
-- Owner, confidence and the class of entries that have none stand with each entry that members read. At the end of
-- the transaction, as with votes; places for all of a list cost what loading it does.
CREATE FUNCTION exchange_list_said() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE every boolean := (OLD.owner_id, OLD.confidence) IS DISTINCT FROM (NEW.owner_id, NEW.confidence);
BEGIN
    PERFORM exchange_note(array_agg(n.list_id), array_agg(n.item_id))
        FROM (
            SELECT DISTINCT list_id, item_id FROM analyse_entry
            WHERE list_id = NEW.id AND withdrawn_at IS NULL AND (every OR classification = '')
            ORDER BY item_id
        ) n;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER exchange_described AFTER UPDATE ON analyse_list
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN ((OLD.owner_id, OLD.confidence, OLD.category) IS DISTINCT FROM (NEW.owner_id, NEW.confidence, NEW.category))
    EXECUTE FUNCTION exchange_list_said();
"""
BACKWARD = """
DROP TRIGGER exchange_described ON analyse_list;
DROP FUNCTION exchange_list_said;
"""


class Migration(migrations.Migration):
    """Adds a trigger, like those on entries, votes and suspensions."""

    dependencies = [("exchange", "0003_taken_ends"), ("analyse", "0008_votes")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
