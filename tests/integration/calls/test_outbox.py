"""A deposit that says that somebody is in danger has raised its alarm and queued its call when it commits."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import connection, transaction

from fanal.calls.loop import CallsLoop
from fanal.cli.doctor_checks import look_at_outbox
from fanal.connectors import mail
from fanal.db import sql
from fanal.intake.domain import receipt
from fanal.intake.domain.records import ENTERED, Arrival, Format, Submission
from fanal.intake.operations.receive import receive_reports
from fanal.kernel import clock
from fanal.kernel.actors import Role, system_actor
from fanal.kernel.ids import new_id
from fanal.orient.alarms.operations import alarms, outbox
from fanal.orient.alarms.queries import alarms_of, waiting_alarms
from fanal.orient.domain.clocks import LONGEST_WAIT, MAX_ATTEMPTS, Delivery
from fanal.orient.domain.records import Call
from tests.integration.orient.people import person
from tests.live import wait_for

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.role("worker"),
    pytest.mark.usefixtures("installed_keys"),
]
NOW = datetime.now(UTC).replace(microsecond=0)
SYSTEM = system_actor("test")
BODY = b'{"reference":"r","kind":"OTHER","emergency":true}'
AsRole = Callable[[str], psycopg.Connection[tuple[object, ...]]]


def deposit(
    *,
    arrival: Arrival = Arrival.API,
    is_test: bool = False,
    finish: bool = True,
    urgent: bool = True,
) -> UUID:
    submission = Submission(
        arrival=arrival, format=Format.REPORT, body=BODY, canonical=BODY, sender_id=uuid4(),
        reference="r", urgent=urgent, finish=finish, is_test=is_test,
    )  # fmt: skip
    [answer] = receive_reports(actor=SYSTEM, submissions=[submission], now=NOW)
    assert answer.report_id is not None
    return answer.report_id


def claim(*, holder: int = 7, again: bool = False, most: int = 10) -> list[Call]:
    return outbox.claim_calls(actor=SYSTEM, holder=holder, in_hand=[], most=most, again=again)


def entries(action: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM ledger_entry WHERE action = %s", [action])
        return int(cursor.fetchone()[0])


def due_again() -> None:
    """Let the wait of failed calls be over: it is compared with the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE orient_call SET not_before = now()")


@pytest.mark.parametrize("arrival", [one for one in Arrival if one not in ENTERED])
@pytest.mark.parametrize("finish", [True, False])
def test_the_deposit_itself_raises_the_alarm_and_queues_the_call(
    arrival: Arrival, finish: bool
) -> None:
    report_id = deposit(arrival=arrival, finish=finish)
    [alarm] = alarms_of(actor=SYSTEM, report_id=report_id)
    assert alarm.raised_at == NOW
    assert [call.report_id for call in claim()] == [report_id]
    assert alarms.record_raised(actor=SYSTEM, now=NOW) == 1
    assert alarms.record_raised(actor=SYSTEM, now=NOW) == 0
    assert entries("alarm.raise") == 1


@pytest.mark.parametrize(("is_test", "urgent"), [(True, True), (False, False)])
def test_a_test_report_and_one_without_danger_call_nobody(is_test: bool, urgent: bool) -> None:
    deposit(is_test=is_test, urgent=urgent)
    assert claim() == []


def test_a_deposit_that_is_rolled_back_calls_nobody() -> None:
    with transaction.atomic():
        deposit()
        transaction.set_rollback(True)
    assert claim() == []


DEPOSIT = (
    "WITH sealed AS (INSERT INTO vault_object"
    " (id, owner_id, kind, sha256, size, length, wrapped_key, wrap_key_id, created_at)"
    " VALUES (%(id)s, %(id)s, 'report', sha256('x'), 1, 1, '\\x00', '\\x00', now()))"
    " INSERT INTO intake_report (id, desk_id, sender_id, arrival, format, reference, state,"
    " received_at, changed_at, object_id, size, urgent) VALUES (%(id)s, 1, %(public)s, 'FORM',"
    " 'form/1', 'r', 'FINISHED', now(), now(), %(id)s, 1, true)"
)


def test_a_public_node_raises_though_it_may_read_no_alarm(as_role: AsRole) -> None:
    as_role("intake").execute(DEPOSIT, {"id": new_id(clock.now()), "public": UUID(int=0)})
    worker = as_role("worker")
    assert worker.execute("SELECT count(*) FROM orient_call").fetchone() == (1,)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_role("intake").execute("SELECT * FROM orient_call")


def test_a_session_that_tells_of_many_keeps_no_other_waiting(as_role: AsRole) -> None:
    """Ten calls of each session stand at a time; who sends queues the others, behind all first ones."""
    flood, child = as_role("intake"), as_role("intake")

    def told(node: psycopg.Connection[tuple[object, ...]]) -> UUID:
        report_id = new_id(clock.now())
        node.execute(DEPOSIT, {"id": report_id, "public": UUID(int=0)})
        return report_id

    with flood.transaction():
        for _ in range(15):
            told(flood)
    for _ in range(5):
        told(flood)
    assert alarms.record_raised(actor=SYSTEM, now=clock.now()) == 10  # what has no call yet waits
    desk = as_role("app")
    desk.execute("SET fanal.scope = 'ALL'")
    desk.execute("BEGIN")
    held = desk.execute(
        "SELECT id FROM orient_alarm WHERE recorded_at IS NULL LIMIT 4 FOR UPDATE"
    ).fetchall()
    assert len(held) == 4
    assert outbox.queue_late(actor=SYSTEM) == 10, "who holds an alarm keeps no call waiting"
    assert outbox.queue_late(actor=SYSTEM) == 0
    assert alarms.record_raised(actor=SYSTEM, now=clock.now()) == 6
    desk.execute("ROLLBACK")
    assert alarms.record_raised(actor=SYSTEM, now=clock.now()) == 4
    last = told(child)
    early = outbox.claim_calls(
        actor=SYSTEM, holder=7, in_hand=[], most=100, again=False, late=False
    )
    assert len(early) == 11
    assert last in {call.report_id for call in early}
    assert len(claim(most=100)) == 10


def test_whoever_comes_after_a_flood_does_not_wait_behind_all_of_it(as_role: AsRole) -> None:
    """Late calls are queued from both ends of what waits."""
    node = as_role("intake")
    told = [new_id(clock.now()) for _ in range(60)]
    for report_id in told:
        node.execute(DEPOSIT, {"id": report_id, "public": UUID(int=0)})
    late = told[10:]
    assert outbox.queue_late(actor=SYSTEM, most=6) == 6
    assert {call.report_id for call in claim(most=100)} == {*told[:10], *late[:3], *late[-3:]}
    called: set[UUID] = set()
    while outbox.queue_late(actor=SYSTEM, most=6):
        assert outbox.queue_late(actor=SYSTEM, most=6) == 0, "what is queued is sent first"
        called |= {call.report_id for call in claim(most=100)}
    assert called == set(late[3:-3])
    assert alarms.record_raised(actor=SYSTEM, now=clock.now()) == 60


def test_whoever_comes_during_a_flood_from_elsewhere_has_a_share_of_each_look(
    as_role: AsRole,
) -> None:
    flood, node = as_role("intake"), as_role("intake")
    told: dict[str, list[UUID]] = {"before": [], "children": [], "after": []}
    for part, session, many in (
        ("before", flood, 40),
        ("children", node, 14),
        ("after", flood, 40),
    ):
        for _ in range(many):
            told[part].append(new_id(clock.now()))
            session.execute(DEPOSIT, {"id": told[part][-1], "public": UUID(int=0)})
    assert {call.report_id for call in claim(most=100)} == {
        *told["before"][:10],
        *told["children"][:10],
    }
    assert outbox.queue_late(actor=SYSTEM, most=12) == 10
    called = {call.report_id for call in claim(most=100)}
    assert called == {
        *told["children"][10:],
        *told["before"][10:13],
        *told["after"][-3:],
    }


def test_another_node_has_its_share_however_many_sessions_a_flood_has(
    as_role: AsRole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_SESSIONS_LOOKED_AT", 1)
    flood, node = [as_role("intake") for _ in range(6)], as_role("intake")
    for session in flood:
        for _ in range(12):
            session.execute(DEPOSIT, {"id": new_id(clock.now()), "public": UUID(int=0)})
    told = [new_id(clock.now()) for _ in range(14)]
    for report_id in told:
        node.execute(DEPOSIT, {"id": report_id, "public": UUID(int=0)})
    # Every session of this server comes by its socket: what an address gives is set by hand.
    sql.run(
        "UPDATE orient_late SET node = orient_node_of('192.0.2.7') WHERE queued_by = %s",
        [node.info.backend_pid],
    )
    claim(most=100)
    outbox.queue_late(actor=SYSTEM, most=20)
    assert {*told[10:]} <= {call.report_id for call in claim(most=100)}


@pytest.mark.parametrize(
    ("address", "other", "same"),
    [
        ("192.0.2.7", "192.0.2.7", True),
        ("192.0.2.7", "192.0.2.8", False),
        ("2001:db8:0:1::5", "2001:db8:0:1:ffff::9", True),
        ("2001:db8:0:1::5", "2001:db8:0:2::5", False),
    ],
)
def test_a_node_is_the_machine_that_the_server_sees(address: str, other: str, same: bool) -> None:
    alike = "SELECT orient_node_of(%s::inet) = orient_node_of(%s::inet), orient_node_of(NULL)"
    assert sql.one(alike, [address, other]) == (same, "")


def test_of_more_sessions_than_places_those_go_first_that_told_of_few(as_role: AsRole) -> None:
    nodes = [as_role("intake") for _ in range(5)]
    told = [[new_id(clock.now()) for _ in range(many)] for many in (30, 30, 14, 30, 30)]
    for node, reports in zip(nodes, told, strict=True):
        for report_id in reports:
            node.execute(DEPOSIT, {"id": report_id, "public": UUID(int=0)})
    claim(most=100)
    assert outbox.queue_late(actor=SYSTEM, most=4) == 4
    assert {call.report_id for call in claim(most=100)} == set(told[2][10:])


def test_of_very_many_sessions_each_look_has_some_before_it(
    as_role: AsRole, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One look that asked of all of them took longer than a statement may, and the next began anew."""
    monkeypatch.setattr(outbox, "_SESSIONS_LOOKED_AT", 1)
    nodes = [as_role("intake") for _ in range(6)]
    for node in nodes:
        for _ in range(12):
            node.execute(DEPOSIT, {"id": new_id(clock.now()), "public": UUID(int=0)})
    queued = [outbox.queue_late(actor=SYSTEM) for _ in range(40)]
    assert max(queued) <= 2 * 2
    assert sum(queued) == 6 * 2


def test_who_has_no_mail_server_leaves_a_call_to_whoever_has_one(tmp_path: Path) -> None:
    """However long that one's attempts fail: left in a folder, a call has ended."""
    deposit()
    outbox.show_alive(actor=SYSTEM, holder=99, reaches=True)
    before = mail.current()
    mail.install(mail.Mailer(url="", sender="a@b.fr", duty=("c@b.fr",), folder=tmp_path))
    loop = CallsLoop(clock=clock.now, number=98)
    try:
        loop.beat()
        tried = "SELECT attempts FROM orient_call"
        assert sql.one(tried) == (0,)
        assert sql.one("SELECT reaches FROM orient_caller WHERE holder = 98") == (False,)
        sql.run(
            "UPDATE orient_caller SET seen_at = seen_at - interval '31 seconds' WHERE holder = 99"
        )
        loop.beat()
        assert sql.one(tried) == (1,)
        assert wait_for(lambda: list(tmp_path.glob("*.eml")))
    finally:
        loop._sender.stop()
        mail.install(before)


def test_whoever_waits_behind_a_flood_escalates_before_all_of_it(as_role: AsRole) -> None:
    """Those raised last have half of a look, and of these those go first that were not called for late."""
    flood, node = as_role("intake"), as_role("intake")
    told = [new_id(clock.now()) for _ in range(81)]
    for number, report_id in enumerate(told):
        session = node if number == 40 else flood
        session.execute(DEPOSIT, {"id": report_id, "public": UUID(int=0)})
    outbox.queue_late(actor=SYSTEM)
    escalated = alarms.escalate_alarms(
        actor=SYSTEM, now=clock.now() + timedelta(minutes=3), most=20
    )
    assert len(escalated) == 20
    assert told[40] in {alarm.report_id for alarm in escalated}


def test_the_doctor_counts_alarms_whose_call_is_not_even_queued(as_role: AsRole) -> None:
    node, auditor = as_role("intake"), as_role("auditor")
    for _ in range(12):
        node.execute(DEPOSIT, {"id": new_id(clock.now()), "public": UUID(int=0)})
    with connection.cursor() as cursor:
        cursor.execute("UPDATE orient_alarm SET raised_at = raised_at - interval '1 minute'")
    found = [finding.text for finding in look_at_outbox(auditor, demo=False)]
    assert found == ["2 calls for a child in danger were not delivered yet"]
    assert outbox.queue_late(actor=SYSTEM) == 2
    found = [finding.text for finding in look_at_outbox(auditor, demo=False)]
    assert found == ["no call for a child in danger waits"]


def test_a_call_is_in_the_hands_of_one_process_and_free_when_that_one_dies(as_role: AsRole) -> None:
    deposit()
    living = as_role("worker")
    living.execute("SELECT pg_advisory_lock(%s, 7)", [0x464E4341])
    [first] = claim(holder=7)
    assert claim(holder=8, again=True) == []
    # Another role that waits for the lock gets it, and holds it in nobody's place.
    other = threading.Thread(
        target=as_role("app").execute, args=("SELECT pg_advisory_lock(%s, 7)", [0x464E4341])
    )
    other.start()
    living.close()  # its session is gone, and its lease with it
    taken: list[Call] = []
    assert wait_for(lambda: taken or taken.extend(claim(holder=8, again=True)), seconds=10)
    other.join()
    [second] = taken
    assert (second.id, second.attempts) == (first.id, 2)
    assert not outbox.record_delivery(
        actor=SYSTEM, calls=[first], delivery=Delivery.SENT, now=NOW
    ), "the fence: the outcome of a lost lease is not recorded"
    assert entries("alarm.send") == 0
    assert outbox.record_delivery(actor=SYSTEM, calls=[second], delivery=Delivery.SENT, now=NOW)
    assert entries("alarm.send") == 1


def test_only_what_was_accepted_is_a_call_in_the_ledger() -> None:
    deposit()
    [call] = claim()
    outbox.record_delivery(actor=SYSTEM, calls=[call], delivery=Delivery.LEFT, now=NOW)
    assert (entries("alarm.send"), entries("alarm.leave")) == (0, 1)
    [alarm] = [one.alarm for one in waiting_alarms(actor=SYSTEM).alarms]
    assert alarm.call is not None
    assert alarm.call.failing


def test_a_call_that_some_duty_people_did_not_get_is_told_apart() -> None:
    deposit()
    [call] = claim()
    outbox.record_delivery(actor=SYSTEM, calls=[call], delivery=Delivery.PARTLY, now=NOW)
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM ledger_entry WHERE action = 'alarm.send'")
        assert b"partly" in bytes(cursor.fetchone()[0])
    [alarm] = [one.alarm for one in waiting_alarms(actor=SYSTEM).alarms]
    assert alarm.call is not None
    assert alarm.call.partly
    assert not alarm.call.failing


def test_attempts_are_bounded_and_at_most_a_minute_apart() -> None:
    deposit()
    [call] = claim()
    waits = []
    for attempt in range(1, MAX_ATTEMPTS + 1):
        call = Call(**{f: getattr(call, f) for f in Call.__struct_fields__} | {"attempts": attempt})
        with connection.cursor() as cursor:
            cursor.execute("UPDATE orient_call SET lease_token = %s", [call.token])
        assert outbox.record_failure(
            actor=SYSTEM, calls=[call], failure="AWAY", jitter=1.0, now=NOW
        )
        with connection.cursor() as cursor:
            cursor.execute("SELECT not_before - now() FROM orient_call")
            waits.append(cursor.fetchone()[0])
    assert max(waits) <= LONGEST_WAIT
    assert max(waits[:10]) <= timedelta(seconds=1), "a server that restarts is back soon"
    due_again()
    assert claim(again=True) == claim() == []
    assert (entries("alarm.fail"), entries("alarm.give_up"), entries("alarm.send")) == (1, 1, 0)


def test_calls_that_failed_leave_places_for_new_ones() -> None:
    for _ in range(3):
        deposit()
    for call in claim():
        outbox.record_failure(actor=SYSTEM, calls=[call], failure="AWAY", jitter=0.0, now=NOW)
    due_again()
    report_id = deposit()
    assert [call.report_id for call in claim()] == [report_id]
    assert len(claim(again=True, most=2)) == 2


def test_what_became_of_a_message_is_written_for_each_of_its_calls() -> None:
    reports = [deposit() for _ in range(3)]
    calls = claim()
    assert (
        outbox.record_failure(actor=SYSTEM, calls=calls, failure="AWAY", jitter=0.0, now=NOW) == 3
    )
    due_again()
    calls = claim(again=True)
    assert {call.report_id for call in calls} == set(reports)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE orient_call SET lease_token = NULL WHERE id = %s", [calls[0].id])
    assert outbox.record_delivery(actor=SYSTEM, calls=calls, delivery=Delivery.SENT, now=NOW) == 2
    assert (entries("alarm.fail"), entries("alarm.send")) == (1, 1)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM ledger_object o JOIN ledger_entry e ON e.id = o.entry_id"
            " WHERE e.action = 'alarm.send' AND o.object_id = ANY (%s)", [[c.report_id for c in calls[1:]]],
        )  # fmt: skip
        assert cursor.fetchone() == (2,)


def test_an_answer_that_nobody_commits_hides_no_call(as_role: AsRole) -> None:
    report_id = deposit()
    app = as_role("app")
    app.execute("SET fanal.scope = 'ALL'")
    app.execute("BEGIN")
    answered = app.execute(
        "UPDATE orient_alarm SET acknowledged_at = now() + interval '1 hour', acknowledged_by = %s",
        [uuid4()],
    )
    assert answered.rowcount == 1
    assert [call.report_id for call in claim()] == [report_id]
    app.execute("ROLLBACK")


def test_an_answered_alarm_calls_no_more() -> None:
    report_id = deposit()
    [alarm] = alarms_of(actor=SYSTEM, report_id=report_id)
    assert alarms.acknowledge_alarm(actor=person(Role.ANALYST), alarm_id=alarm.id, now=NOW)
    assert claim() == []
    assert outbox.end_answered(actor=SYSTEM) == 1
    assert outbox.end_answered(actor=SYSTEM) == 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT outcome FROM orient_call")
        assert cursor.fetchall() == [("ANSWERED",)]
    assert claim() == []


_RANG = """
INSERT INTO orient_alarm (id, report_id, desk_id, code, raised_at, escalated_at, recorded_at)
SELECT gen_random_uuid(), gen_random_uuid(), 1, 'CHILD_IN_DANGER', %(at)s, %(at)s, %(at)s
FROM generate_series(1, 3000)
"""


def test_a_look_reads_what_is_due_and_not_what_rings_already(as_role: AsRole) -> None:
    """Thousands of alarms that nobody acknowledged, each called for twice: a look reads none of them."""
    with connection.cursor() as cursor:
        cursor.execute(_RANG, {"at": NOW - timedelta(hours=1)})
        cursor.execute("UPDATE orient_call SET outcome = 'SENT', ended_at = now()")
        as_role("owner").execute("ANALYZE orient_call, orient_alarm")
        cursor.execute(
            "EXPLAIN SELECT id FROM orient_call WHERE outcome IS NULL ORDER BY queued_at LIMIT 10"
        )
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "orient_call_due" in plan, plan
    assert claim() == []


def test_a_later_message_of_danger_rings_again_once_the_first_alarm_was_answered() -> None:
    code = receipt.new_code()
    digest = receipt.lookup_hash(code)
    submission = Submission(
        arrival=Arrival.FORM, format=Format.FORM, body=BODY, canonical=BODY, code=code, urgent=True
    )
    [answer] = receive_reports(actor=SYSTEM, submissions=[submission], now=NOW)
    assert answer.report_id is not None
    ana = person(Role.ANALYST)
    assert not alarms.raise_written(lookup_hash=digest, now=NOW), "it rings already"
    for _ in range(2):
        for alarm in [one.alarm for one in waiting_alarms(actor=SYSTEM).alarms]:
            alarms.acknowledge_alarm(actor=ana, alarm_id=alarm.id, now=NOW)
        assert alarms.raise_written(lookup_hash=digest, now=NOW)
        assert not alarms.raise_written(lookup_hash=digest, now=NOW)
    codes = [a.code for a in alarms_of(actor=SYSTEM, report_id=answer.report_id)]
    assert sorted(codes) == ["CHILD_IN_DANGER", "DANGER_WRITTEN", "DANGER_WRITTEN"]
    assert [call.report_id for call in claim()] == [answer.report_id]
    assert not alarms.raise_written(lookup_hash=b"nobody's", now=NOW)
