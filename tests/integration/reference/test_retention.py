"""Every table of Fanal has its retention class, and every class names tables that exist."""

from pathlib import Path

import pytest
from django.db import connection

import fanal
from fanal import reference
from fanal.reference import Retention

STRUCTURE = frozenset(
    {
        "accounts_desk",  # no person
        "casework_number",  # a count of each year
        "crosscheck_number",  # a count of each year
        "crosscheck_tie",  # ids of two reports, and a score
        "crosscheck_erased_member",  # ids of a report and a dossier
        "intake_number",  # a count of each year
        "intake_refusal",  # figures by body and hour
        "exchange_clock",  # one counter
        "exchange_change",  # numbers and times
        "exchange_member",  # numbers of bodies
        "intake_wire",  # numbers only, goes with its report
        "measures_contact",  # hosts only
        "orient_caller",  # processes, a day
        "orient_late",  # numbers of alarms, until their call is queued
        "orient_unrecorded",  # numbers of alarms, until the ledger holds them
        "orient_signal_count",  # a day, a code, a number
        "statistics_alive",  # an instant for each part of the installation
        "statistics_outage",  # times of outages
        "statistics_counted",  # days from and until
        "statistics_daily",  # figures of a day
        "statistics_published",  # figures of a month
    }
)
PACKAGES = frozenset(path.parent.name for path in Path(fanal.__file__).parent.glob("*/__init__.py"))


@pytest.mark.django_db
def test_every_table_has_a_class_and_no_class_names_another() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
        )
        tables = {row[0] for row in cursor.fetchall()}
    ours = {table for table in tables if table.split("_", 1)[0] in PACKAGES}
    named = {t for entry in reference.load().entries(Retention) for t in entry.value.tables}
    assert ours - named - STRUCTURE == set()
    assert named - tables == set()
