"""Creates the table of signal counts by day of receipt; each batch adds rows, so that no writer waits."""

from django.db import migrations

SQL = """
CREATE TABLE orient_signal_count (
    day date NOT NULL, -- of receipt, in Europe/Paris
    code text NOT NULL,
    n integer NOT NULL,
    CONSTRAINT orient_signal_count_n CHECK (n > 0)
);
CREATE INDEX orient_signal_count_day ON orient_signal_count (day);
"""


class Migration(migrations.Migration):
    """The table has no key: a day's rows are summed when the day is counted."""

    dependencies = [("orient", "0004_saved_views")]
    operations = [migrations.RunSQL(SQL, "DROP TABLE orient_signal_count")]
