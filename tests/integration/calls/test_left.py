"""Calls that nobody received, and calls that the desk's own role makes up, keep no true call from going out."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest

from fanal.calls.loop import CallsLoop
from fanal.connectors import mail
from fanal.db import sql
from fanal.kernel import clock
from fanal.kernel.actors import Role, system_actor
from fanal.kernel.ids import new_id
from fanal.orient.alarms.operations import outbox
from fanal.orient.alarms.operations.alarms import acknowledge_alarm, raise_alarm
from fanal.orient.alarms.queries import alarms_of
from fanal.orient.domain.clocks import Delivery
from tests.integration.orient.people import person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.role("worker")]
SYSTEM = system_actor("test")
AsRole = Callable[[str], psycopg.Connection[tuple[object, ...]]]
RAISE = """
INSERT INTO orient_alarm (id, report_id, desk_id, code, raised_at)
SELECT gen_random_uuid(), gen_random_uuid(), 1, 'CHILD_IN_DANGER', now() FROM generate_series(1, %s)
"""
ANSWER = (
    "UPDATE orient_alarm SET acknowledged_at = now(), acknowledged_by = %s WHERE report_id = %s"
)


def raised() -> UUID:
    report_id = new_id(clock.now())
    assert raise_alarm(actor=SYSTEM, report_id=report_id, desk_id=1, now=clock.now())
    return report_id


def left(*, ago: timedelta = timedelta(minutes=1)) -> UUID:
    """Raise an alarm whose call a process without mail server left in its folder."""
    report_id = raised()
    [call] = outbox.claim_calls(actor=SYSTEM, holder=7, in_hand=[], most=10, again=False)
    outbox.record_delivery(
        actor=SYSTEM, calls=[call], delivery=Delivery.LEFT, now=clock.now() - ago
    )
    return report_id


def test_a_call_left_in_a_folder_is_sent_by_a_process_that_has_a_server() -> None:
    waiting, answered, old = left(), left(), left(ago=timedelta(days=2))
    [alarm] = alarms_of(actor=SYSTEM, report_id=answered)
    acknowledge_alarm(actor=person(Role.ANALYST), alarm_id=alarm.id, now=clock.now())
    assert outbox.requeue_left(actor=SYSTEM) == 0, "nobody lives who could send it"
    outbox.show_alive(actor=SYSTEM, holder=9, reaches=True)
    assert outbox.requeue_left(actor=SYSTEM) == 1
    calls = outbox.claim_calls(actor=SYSTEM, holder=7, in_hand=[], most=10, again=False)
    assert [call.report_id for call in calls] == [waiting]
    assert old not in {call.report_id for call in calls}


@pytest.mark.parametrize(("url", "reaches"), [("", False), ("smtp://127.0.0.1:1", True)])
def test_who_has_a_server_says_so_before_it_takes_a_call(url: str, reaches: bool, tmp_path) -> None:  # type: ignore[no-untyped-def]
    before = mail.current()
    mail.install(mail.Mailer(url=url, sender="a@b.fr", duty=("c@b.fr",), folder=tmp_path))
    loop = CallsLoop(clock=clock.now, number=98)
    try:
        loop.beat()
        assert sql.one("SELECT reaches FROM orient_caller WHERE holder = 98") == (reaches,)
    finally:
        loop._sender.stop()
        mail.install(before)


def test_the_desks_role_too_calls_for_few_alarms_before_all_others(as_role: AsRole) -> None:
    desk = as_role("app")
    desk.execute("SET fanal.scope = 'ALL'")
    desk.execute(RAISE, [400])
    child = raised()
    calls = outbox.claim_calls(
        actor=SYSTEM, holder=7, in_hand=[], most=100, again=False, late=False
    )
    assert len(calls) == 11
    assert child in {call.report_id for call in calls}
