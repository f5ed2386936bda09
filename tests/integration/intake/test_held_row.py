"""A session of a public node may hold a report's row for a minute: what is urgent does not wait for it."""

from collections.abc import Callable
from datetime import UTC, datetime

import psycopg
import pytest
from django.db import transaction

from fanal.intake.domain.records import Arrival, Format, Submission
from fanal.intake.operations.lifecycle import require_unerased
from fanal.intake.operations.receive import receive_reports
from fanal.kernel.actors import system_actor
from fanal.kernel.refusal import Refusal

Connect = Callable[[str], psycopg.Connection[tuple[object, ...]]]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("installed_keys")
def test_what_is_urgent_does_not_wait_for_a_held_report(as_role: Connect) -> None:
    body = b'{"kind": "OTHER"}'
    sent = Submission(
        arrival=Arrival.FORM, format=Format.FORM, body=body, canonical=body, desk_id=1
    )
    [answer] = receive_reports(
        actor=system_actor("test"), submissions=[sent], now=datetime.now(UTC)
    )
    assert answer.report_id is not None
    with as_role("owner") as other, other.transaction():
        row = "SELECT FROM intake_report WHERE id = %s FOR UPDATE"
        other.execute(row, [answer.report_id])
        with transaction.atomic():
            require_unerased(report_ids=[answer.report_id], of="test", waits=False)
    with as_role("owner") as other:
        other.execute(
            "UPDATE intake_report SET erased_at = now() WHERE id = %s", [answer.report_id]
        )
    with transaction.atomic(), pytest.raises(Refusal, match="ERASED"):
        require_unerased(report_ids=[answer.report_id], of="test", waits=False)
