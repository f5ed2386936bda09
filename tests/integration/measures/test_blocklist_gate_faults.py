"""The gate under attack: answers that are no text, several publishers, clocks that jump."""

from datetime import datetime, timedelta

from fanal.measures.blocking.publication.gate import LATE, Gate, read_state, tell_late
from fanal.measures.models import StoredList
from fanal.measures.transparency.asking import Answered, GateFault, GateReason
from tests.integration.measures.blockings import ANALYST, listed, take
from tests.integration.measures.test_blocklist_gate import Desk, desk, now
from tests.server import as_worker

__all__ = ["desk"]


def test_a_fault_that_is_no_text_delays_no_lift(desk: Desk) -> None:
    """A witness may answer with any bytes, and PostgreSQL stores no NUL: the publisher stopped."""
    one = listed(2, host="one.example")
    desk.settled()
    fault = GateFault(code=GateReason.SILENT, detail="500 a\x00b\x1b[31m\u202ec\n")
    desk.gate = Gate(lambda _: Answered(fault), witnesses="witness.test")
    listed(2, host="two.example")
    desk.settled()
    assert read_state().detail == "500 a?b?[31m?c?"
    take(one, "free", now(), actor=ANALYST)
    assert desk.publish().block.names == ()


def test_two_publishers_do_not_overtake_each_other_for_ever(desk: Desk) -> None:
    """Each proposal was later than the other's, which never left."""
    other = Desk(desk.folder.parent, asks=desk.asks)
    listed(2, host="one.example")
    for one in (desk, other, desk, other):
        one.publish()
    assert desk.names() == ("one.example",)
    made = StoredList.objects.count()
    for one in (desk, other, desk, other):
        one.publish()
    assert StoredList.objects.count() == made


def test_names_that_are_listed_one_after_the_other_do_not_hold_each_other_back(desk: Desk) -> None:
    """Each took the proposal of those before it: none left until nobody listed any more."""
    for number in range(4):
        listed(2, host=f"n{number}.example")
        done = desk.publish()
        assert len(done.block.names) == number
        assert done.waits == 1
    assert len(desk.publish().block.names) == 4


def test_a_clock_that_was_ahead_delays_no_notice(desk: Desk) -> None:
    desk.asks.mode = "silent"
    listed(2, host="one.example")
    desk.publish(at=now() + timedelta(minutes=50))
    desk.publish()
    since = read_state().since
    assert since is not None
    assert since <= now()

    def notified(at: datetime) -> bool:
        with as_worker():
            return tell_late(now=at)

    assert notified(now() + timedelta(minutes=59))  # the clock is ahead again
    assert notified(now() + LATE * 1.1)


def test_one_thread_asks_at_a_time(desk: Desk) -> None:
    """Each has a connection to the database, and a witness may take minutes."""

    class Hangs(Answered):
        def is_running(self) -> bool:
            return not ended

    ended, started = list[int](), list[int]()

    def ask(serial: int) -> Hangs:
        started.append(serial)
        return Hangs(GateFault(code=GateReason.SILENT, detail="no answer in time"))

    desk.gate = Gate(ask, witnesses="witness.test")
    for number in range(4):
        listed(2, host=f"n{number}.example")
        desk.publish()
    assert len(started) == 1
    ended.append(1)
    desk.publish()
    assert len(started) == 2
