"""A machine with many addresses counts as many nodes: another node's alarms still come first."""

from uuid import UUID

import pytest

from fanal.db import sql
from fanal.kernel import clock
from fanal.kernel.ids import new_id
from fanal.orient.alarms.operations import outbox
from tests.integration.calls.test_outbox import DEPOSIT, SYSTEM, AsRole, claim

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.role("worker"),
    pytest.mark.usefixtures("installed_keys"),
]
ADDRESSES, EACH, CHILDREN, ROOM = 8, 60, 30, 12


def test_who_has_told_of_less_than_each_of_many_addresses_comes_first(as_role: AsRole) -> None:
    flood, node = as_role("intake"), as_role("intake")
    for _ in range(ADDRESSES * EACH):
        flood.execute(DEPOSIT, {"id": new_id(clock.now()), "public": UUID(int=0)})
    told = [new_id(clock.now()) for _ in range(10 + CHILDREN)]
    for report_id in told:
        node.execute(DEPOSIT, {"id": report_id, "public": UUID(int=0)})
    # Every session of this server comes by its socket: what an address gives is set by hand.
    sql.run(
        "UPDATE orient_late l SET node = orient_node_of(('192.0.2.' || n.nth)::inet)"
        " FROM (SELECT alarm_id, CASE WHEN queued_by = %s THEN 99"
        " ELSE row_number() OVER (ORDER BY alarm_id) %% %s END AS nth FROM orient_late) AS n"
        " WHERE n.alarm_id = l.alarm_id",
        [node.info.backend_pid, ADDRESSES],
    )
    claim(most=100)
    outbox.queue_late(actor=SYSTEM, most=ROOM)
    called = {call.report_id for call in claim(most=100)}
    assert len(called & {*told[10:]}) == 6, "three of the oldest and three of the newest"
