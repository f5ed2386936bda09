"""The alarm rises when a report arrives, finished or not."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

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
