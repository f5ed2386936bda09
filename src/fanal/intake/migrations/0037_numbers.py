"""Gives each new report a number such as R-2026-0042, counted by year.

The migration `0038_numbers_of_stored` numbers the reports stored before.
"""

from django.db import migrations

from fanal.db.numbering import COUNT, COUNT_BACK, REPORTS

# The first reports must not wait for the nightly job, which creates the sequences of later years.
AHEAD = "SELECT fanal_counts_ahead((now() + interval '1 year')::date);"


class Migration(migrations.Migration):
    """Creates a table, functions and a trigger; the trigger locks the reports for an instant."""

    dependencies = [("intake", "0036_answers_of_erased")]
    operations = [migrations.RunSQL(COUNT + AHEAD + REPORTS.create, REPORTS.drop + COUNT_BACK)]
