"""Messages that find no process: the machine's table of files is full."""

import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from fanal.calls.senders import Senders
from fanal.connectors import mail
from fanal.db.hoarding import HoardingWatch
from fanal.orient.alarms.operations.outbox import LEASE, LEASE_AGAIN
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


@pytest.mark.parametrize(
    ("attempts", "failure", "seconds"),
    [
        (1, "", 8),
        (2, "TIMEOUT", 8),
        (3, "TIMEOUT", 24),
        (4, "TIMEOUT", 8),
        (6, "TIMEOUT", 60),
        (2, "UNCONFIRMED", 24),
        (3, "UNCONFIRMED", 60),
        (4, "UNCONFIRMED", 60),
    ],
)
def test_later_attempts_have_patience_with_the_server(
    attempts: int, failure: str, seconds: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one that had the message and did not confirm it, at once."""
    monkeypatch.setattr(mail, "_installed", [])
    mail.install(mail.Mailer(url="", sender="a@b.fr", duty=("c@b.fr",), folder=tmp_path))
    senders, started = Senders(), time.monotonic()
    call = msgspec.structs.replace(CALL, attempts=attempts, failure=failure)
    senders.start([call], now=NOW)
    [child] = senders._children
    senders.stop()
    lease = LEASE_AGAIN if attempts > 1 else LEASE
    assert seconds + 1 < child.ends - started < seconds + 4 < lease.total_seconds()


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
