"""Marks list values as those of a source, not of people, if an entry of the source contains them."""

from django.db import migrations

FORWARD = """
UPDATE analyse_entry e SET own = false
    WHERE e.withdrawn_at IS NULL AND EXISTS (
        SELECT FROM exchange_taken t JOIN exchange_source s ON s.id = t.source_id
        WHERE s.list_id = e.list_id AND t.held @> ARRAY[e.kind || ':' || e.value])
"""


class Migration(migrations.Migration):
    """Updates the rows of lists that a source supplies; creates nothing."""

    dependencies = [("exchange", "0004_said_of_lists"), ("analyse", "0009_own")]
    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
