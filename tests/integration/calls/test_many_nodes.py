"""A machine with many addresses counts as many nodes: another node's alarms still have their share."""

import re
from uuid import UUID

import pytest
from django.db import transaction

from fanal.db import sql
from fanal.kernel import clock
from fanal.kernel.ids import new_id
from fanal.orient.alarms.operations import alarms, outbox
from tests.integration.calls.test_outbox import DEPOSIT, SYSTEM, AsRole, claim

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.role("worker"),
    pytest.mark.usefixtures("installed_keys"),
]
ADDRESSES, EACH, CHILDREN, ROOM = 8, 60, 30, 12
_JOINED = r"Join Filter: (?!\(+(?:held\.id = c\.id|c\.id = held\.id)\)).*\b(?:alarm_)?id\b"


def told_behind(
    as_role: AsRole, *, each: int, children: int, address: str, flood_from: str = "192.0.2.#"
) -> tuple[list[UUID], list[UUID]]:
    """Deposit a flood from `ADDRESSES` of a network, then dangers told of by the node `address`.

    The flood's addresses follow `flood_from`, with a number each for `#`. Return the flood's reports and those of the node without its first ten, which its session queues itself.
    """
    flood, node = as_role("intake"), as_role("intake")
    noise = [new_id(clock.now()) for _ in range(ADDRESSES * each)]
    told = [new_id(clock.now()) for _ in range(10 + children)]
    for session, reports in ((flood, noise), (node, told)):
        for report_id in reports:
            session.execute(DEPOSIT, {"id": report_id, "public": UUID(int=0)})
    # Every session of this server comes by its socket: what an address gives is set by hand.
    sql.run(
        "UPDATE orient_late l SET node = orient_node_of(n.address::inet)"
        " FROM (SELECT alarm_id, CASE WHEN queued_by = %s THEN %s"
        " ELSE replace(%s, '#', (row_number() OVER (ORDER BY alarm_id) %% %s + 1)::text) END AS address"
        " FROM orient_late) AS n WHERE n.alarm_id = l.alarm_id",
        [node.info.backend_pid, address, flood_from, ADDRESSES],
    )
    claim(most=100)
    return noise, told[10:]


def test_of_many_addresses_of_a_network_those_that_told_of_least_come_first(
    as_role: AsRole,
) -> None:
    _, told = told_behind(as_role, each=60, children=30, address="192.0.2.99")
    outbox.queue_late(actor=SYSTEM, most=ROOM)
    called = {call.report_id for call in claim(most=100)}
    assert len(called & {*told}) == 6, "three of the oldest and three of the newest"


def test_a_network_has_its_share_however_many_addresses_another_has(as_role: AsRole) -> None:
    """The node tells of more than each address of the flood: a burst of children is no flood."""
    noise, told = told_behind(as_role, each=12, children=30, address="198.51.100.9")
    assert outbox.queue_late(actor=SYSTEM, most=ROOM) >= ROOM
    called = {call.report_id for call in claim(most=100)}
    assert len(called & {*told}) >= ROOM // 2
    assert called & {*noise}


def test_of_many_networks_those_that_told_of_least_come_first(as_role: AsRole) -> None:
    _, told = told_behind(
        as_role, each=60, children=30, address="192.168.7.9", flood_from="172.16.#.9"
    )
    assert outbox.queue_late(actor=SYSTEM, most=8 * ROOM) >= 8 * ROOM
    called = {call.report_id for call in claim(most=200)}
    assert len(called & {*told}) >= 8 * ROOM // 4, "an eighth of the places at either end"


@pytest.mark.parametrize(
    ("statement", "asked", "keys"),
    [
        (outbox._OF_EACH_NODE, {"most": 400, "looked": 200}, 3),
        (outbox._OF_EACH_SESSION, {"most": 400, "looked": 200}, 3),
        (
            outbox._CLAIM,
            {
                "lock": 1, "in_hand": [], "again": False, "late": [True, False], "most": 6000,
                "token": UUID(int=1), "holder": 1, "lease": 30, "overdue": 0,
            },
            1,
        ),
        (outbox._DELIVERED, [[UUID(int=1)], [UUID(int=1)], "SENT", clock.now()], 1),
        (
            outbox._FAILED,
            [[UUID(int=1)], [UUID(int=1)], [1.0], [False], "TIMEOUT", clock.now(), "GIVEN_UP", clock.now()],
            1,
        ),
        (alarms._UNRECORDED, [2000, clock.now()], 2),
    ],
    ids=["nodes", "sessions", "claim", "delivered", "failed", "unrecorded"],
)  # fmt: skip
def test_a_table_believed_empty_is_read_by_its_key(
    as_role: AsRole, statement: str, asked: object, keys: int
) -> None:
    """Vacuumed while empty it counts as one row, and a flood's rows were read for each chosen one."""
    told_behind(as_role, each=12, children=5, address="198.51.100.9")
    with transaction.atomic():
        sql.run(outbox.BY_KEY.format(*["LOCAL "] * 3))
        plan = "\n".join(str(row[0]) for row in sql.rows(f"EXPLAIN {statement}", asked))
    # The few rows that were read by their keys may be joined with those in hand by a filter.
    assert not re.search(_JOINED, plan), plan
    assert not re.search(r"Filter: .*\b(?:node|queued_by) = ", plan)
    assert len(re.findall(r"Index Cond: \(+(?:c\.)?(?:\w+ = ANY|id = held\.id)", plan)) >= keys, (
        plan
    )


def test_alarms_are_recorded_by_key_where_the_statistics_say_that_all_are(as_role: AsRole) -> None:
    """Analysed while every alarm is in the ledger, the index of the others counts as empty."""
    told_behind(as_role, each=60, children=30, address="198.51.100.9")
    sql.run("DELETE FROM orient_late")
    sql.run("INSERT INTO orient_unrecorded SELECT id FROM orient_alarm ON CONFLICT DO NOTHING")
    assert alarms.record_raised(actor=SYSTEM, now=clock.now()) == ADDRESSES * 60 + 40
    as_role("owner").execute("ANALYZE orient_alarm, orient_unrecorded")
    told_behind(as_role, each=12, children=5, address="198.51.100.9")
    with transaction.atomic():
        sql.run(outbox.BY_KEY.format(*["LOCAL "] * 3))
        rows = sql.rows(f"EXPLAIN {alarms._UNRECORDED}", [2000, clock.now()])
    plan = "\n".join(str(row[0]) for row in rows)
    assert "orient_alarm_to_record" not in plan, plan
