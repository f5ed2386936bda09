"""Creates the index by which the reports are counted that have the same name of a suspect."""

from django.db import migrations

SQL = """
-- A card begins with the digest of its suspect's name; zero bytes where it has none.
CREATE INDEX crosscheck_card_of_name ON crosscheck_card (substring(card FROM 1 FOR 8), report_id)
    WHERE substring(card FROM 1 FOR 8) <> '\\x0000000000000000';
"""


class Migration(migrations.Migration):
    """Writes to the table of comparable data wait meanwhile: some seconds for a million reports."""

    dependencies = [("crosscheck", "0016_erased_evidence")]
    operations = [migrations.RunSQL(SQL, "DROP INDEX crosscheck_card_of_name;")]
