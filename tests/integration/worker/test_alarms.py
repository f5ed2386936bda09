"""The alarm rises when a report arrives, finished or not."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fanal.intake import operations as intake
from fanal.intake.domain.records import Arrival, Format, Submission
from fanal.kernel.actors import system_actor
from fanal.orient import queries as oriented
from fanal.worker.alarms import Alarms

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.role("worker"),
    pytest.mark.usefixtures("installed_keys"),
]
NOW = datetime.now(UTC).replace(microsecond=0)
SYSTEM = system_actor("test")


@pytest.mark.parametrize(
    ("arrival", "format_", "is_test", "raised"),
    [
        (Arrival.API, Format.REPORT, False, 1),
        (Arrival.WIRE, Format.NCMEC_XML, False, 1),
        (Arrival.API, Format.REPORT, True, 0),
    ],
)
def test_an_urgent_report_left_open_alarms_once(
    arrival: Arrival, format_: Format, is_test: bool, raised: int
) -> None:
    body = b'{"reference":"r","kind":"OTHER","emergency":true}'
    submission = Submission(
        arrival=arrival, format=format_, body=body, canonical=body, sender_id=uuid4(),
        reference="r", urgent=True, finish=False, is_test=is_test,
    )  # fmt: skip
    [answer] = intake.receive_reports(actor=SYSTEM, submissions=[submission], now=NOW)
    Alarms().run(now=NOW)
    Alarms().run(now=NOW)
    alarms = oriented.alarms_of(actor=SYSTEM, report_id=answer.report_id)
    assert len(alarms) == raised


_RANG = """
INSERT INTO orient_alarm (id, report_id, desk_id, code, raised_at, escalated_at, called_at, called_again_at)
SELECT gen_random_uuid(), gen_random_uuid(), 1, 'CHILD_IN_DANGER', %s, %s, %s, %s FROM generate_series(1, %s)
"""


def test_a_look_reads_what_is_due_and_not_what_rings_already() -> None:
    """Thousands of alarms that nobody acknowledged, each called for twice: a look finds the one new alarm."""
    before = NOW - timedelta(hours=1)
    with connection.cursor() as cursor:
        cursor.execute(_RANG, [before, before, before, before, 3000])
        cursor.execute(_RANG, [before, None, before, None, 1200])
        cursor.execute("ANALYZE orient_alarm")
    looks = [Alarms().run(now=NOW + timedelta(seconds=2 * n)) for n in range(4)]
    assert looks == [500, 500, 200, 0], "each alarm that escalates calls once more, in portions"
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert Alarms().run(now=NOW + timedelta(seconds=9)) == 0
    reads = [q["sql"] for q in queries if "FOR UPDATE" in q["sql"]]
    assert len(reads) == 3
    for read in reads:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {read}")
            plan = "\n".join(row[0] for row in cursor.fetchall())
        assert "Index Scan using orient_alarm_to_" in plan, plan
