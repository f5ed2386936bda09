"""Creates the index of entries by action and id, for the search of the ledger and the newest backup."""

from django.db import migrations

SQL = "CREATE INDEX ledger_entry_action ON ledger_entry (action, id)"


class Migration(migrations.Migration):
    """The order of ids is that of time, since an id begins with the time of the act."""

    dependencies = [("ledger", "0007_own_entries")]
    operations = [migrations.RunSQL(SQL, "DROP INDEX ledger_entry_action")]
