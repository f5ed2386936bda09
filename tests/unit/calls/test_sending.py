"""Messages that find no process: the machine's table of files is full."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import UUID

from fanal.calls.loop import Senders
from fanal.db.hoarding import HoardingWatch
from fanal.orient.domain.records import Call

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CALL = Call(
    id=UUID(int=1),
    alarm_id=UUID(int=2),
    report_id=UUID(int=3),
    escalated=False,
    attempts=1,
    token=UUID(int=4),
)


@contextmanager
def no_file_left() -> Iterator[None]:
    """Let this process open no further file, pipe or socket."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_call_that_finds_no_process_has_failed_and_is_told_of() -> None:
    senders = Senders()
    with no_file_left():
        senders.start([CALL], now=NOW)
        assert senders.calls == [CALL]
        assert [(sent.lot, sent.failure) for sent in senders.finished()] == [((CALL,), "MACHINE")]
    assert not senders.calls
    assert not senders.finished()


def test_a_watch_that_finds_no_process_is_started_by_the_next_look() -> None:
    watch = HoardingWatch()
    try:
        with no_file_left():
            watch.keep()
        assert not watch.alive
        watch.keep()
        assert watch.alive
    finally:
        watch.close()
