"""A report that takes too much CPU time is stopped from outside, tried alone, and quarantined: real processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from fanal.intake.domain.records import Stage
from fanal.intake.operations.queue import claim_batch, stop_claims
from fanal.intake.queries.envelopes import get_reports
from fanal.intake.queries.work import count_work, list_quarantine
from fanal.kernel.actors import system_actor
from tests.integration.worker.test_pipeline import _deposit
from tests.live import wait_for

SYSTEM = system_actor("test")
_LEASE = timedelta(minutes=1)
BUSY = Path(__file__).with_name("busy_worker.py")
SLOW = {
    "reference": "dots",
    "kind": "GROOMING",
    "occurred_at": "2026-11-20",
    "description": "A: hello " + "." * 190_000 + "x",
    "platform": "Blockharbor",
}
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.role("worker"),
    pytest.mark.serial,
]


@pytest.fixture(autouse=True)
def keys(installed_keys: None) -> None:
    """The worker opens what was sealed."""


@contextmanager
def _worker(
    urls: Mapping[str, str], log: Path, *arguments: str
) -> Iterator[subprocess.Popen[bytes]]:
    environment = os.environ | {"DATABASE_URL": urls["worker"], "FANAL_DB_ROLE": "worker"}
    with (
        log.open("ab") as out,
        subprocess.Popen(
            [sys.executable, *arguments], env=environment, stdout=out, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def _others(count: int) -> list[dict[str, object]]:
    return [SLOW | {"reference": f"other-{n}", "description": f"Hello {n}."} for n in range(count)]


def test_what_takes_too_long_is_quarantined_and_the_others_get_through(
    database_urls: Mapping[str, str], tmp_path: Path
) -> None:
    [slow, *others] = _deposit(SLOW, *_others(5))
    log = tmp_path / "worker.log"
    statuses = []
    while len(statuses) < 4 and count_work() != {"QUARANTINE": 1}:
        with _worker(database_urls, log, str(BUSY)) as process:
            assert wait_for(
                lambda: process.poll() is not None or count_work() == {"QUARANTINE": 1},
                seconds=240,
            ), log.read_text()
            statuses.append(process.poll())
            assert wait_for(lambda: not _held(), seconds=60), log.read_text()
    # Once in the batch, once alone: the claim is given back at once, no lease has to run out.
    told = [line for line in log.read_text().split("\n") if "fanal.worker " in line]
    ended = [status for status in statuses if status is not None]
    assert ended == [-signal.SIGKILL, -signal.SIGKILL], told
    [(facts, error)] = list_quarantine(actor=SYSTEM, limit=10)
    assert (facts.report_id, error) == (slow, "DEADLINE")
    assert "each is tried alone" in log.read_text()
    assert f"{slow} at ANALYSE took over 4 s of CPU: quarantined" in log.read_text()
    assert set(get_reports(actor=SYSTEM, report_ids=others)) == set(others)


def _held() -> list[UUID]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT report_id FROM intake_work WHERE lease_token IS NOT NULL")
        return [row[0] for row in cursor.fetchall()]


def test_a_watch_that_died_comes_back_and_one_whose_worker_died_goes(
    database_urls: Mapping[str, str], tmp_path: Path
) -> None:
    with _worker(database_urls, tmp_path / "log", "-m", "fanal.worker") as process:
        assert wait_for(lambda: _watches(process.pid), seconds=60)
        [first] = _watches(process.pid)
        os.kill(first, signal.SIGKILL)
        assert wait_for(lambda: _watches(process.pid) - {first}, seconds=60)
        [second] = _watches(process.pid)
    assert wait_for(lambda: not Path(f"/proc/{second}").exists(), seconds=30)


NEAR = str(BUSY.with_name("busy_near.py"))


def test_similar_reports_that_take_too_long_are_tried_alone_then_left(
    database_urls: Mapping[str, str], tmp_path: Path
) -> None:
    more = {"reference": "holds", "description": "This one holds for ever."}
    _deposit(
        *_others(2), SLOW | more, *[o | {"reference": f"b{n}"} for n, o in enumerate(_others(2))]
    )
    log, statuses = tmp_path / "log", []
    while len(statuses) < 3:
        with _worker(database_urls, log, NEAR, "300") as process:
            assert wait_for(
                lambda: (
                    process.poll() is not None or ("rebuild" in log.read_text() and not _similar())
                ),
                seconds=240,
            ), log.read_text()
            statuses.append(process.poll())
            if statuses[-1] is None:
                break
            # Its watch notes it after its end: the next worker would otherwise take it again first.
            assert wait_for(
                lambda: log.read_text().count("similar to") == len(statuses), seconds=60
            ), log.read_text()
    # Once in the portion, once alone after all others; then it is left, and the worker lives.
    assert statuses == [-signal.SIGKILL, -signal.SIGKILL, None], log.read_text()
    assert (
        "what is similar to 5 reports took over 4 s of CPU: each is tried alone" in log.read_text()
    )
    assert "not looked for until the next rebuild" in log.read_text()
    assert not count_work()


def _similar() -> int:
    """Return how many reports wait for similar ones."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM crosscheck_waiting")
        return int(cursor.fetchone()[0])


def test_a_text_that_takes_too_long_is_left_to_the_phrases(
    database_urls: Mapping[str, str], tmp_path: Path
) -> None:
    """Read in the stage, then later twice: three workers end; every report is analysed, the others read."""
    from fanal.analyse.queries import get_analyses

    slow = SLOW | {"emergency": True, "description": "This one holds for ever."}
    ids = _deposit(slow, *_others(2))
    log, statuses = tmp_path / "log", []
    while len(statuses) < 4:
        with _worker(database_urls, log, str(BUSY.with_name("busy_reader.py"))) as process:
            assert wait_for(
                lambda: process.poll() is not None or (_unread() == [2] and not _similar()),
                seconds=240,
            ), log.read_text()
            statuses.append(process.poll())
            if statuses[-1] is None:
                break
            assert wait_for(lambda: log.read_text().count("of CPU") == len(statuses), seconds=60)
    assert statuses == [*[-signal.SIGKILL] * 3, None], log.read_text()
    assert f"{ids[0]} at ANALYSE took over 4 s of CPU: tried again alone" in log.read_text()
    assert f"the text of {ids[0]} took over 4 s of CPU: read again, later" in log.read_text()
    assert f"the text of {ids[0]} took over 4 s of CPU: left unread" in log.read_text()
    analyses = get_analyses(actor=SYSTEM, report_ids=ids)
    assert ["reader" in analyses[i].rule_version for i in ids] == [False, True, True]
    assert not count_work()


def _unread() -> list[int]:
    """Return the attempts of the texts that nobody has read."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT attempts FROM analyse_unread")
        return [row[0] for row in cursor.fetchall()]


def test_a_worker_that_hangs_is_ended(database_urls: Mapping[str, str], tmp_path: Path) -> None:
    log = tmp_path / "log"
    with _worker(database_urls, log, NEAR, "40") as process:
        assert wait_for(lambda: _watches(process.pid), seconds=60)
        os.kill(process.pid, signal.SIGSTOP)
        assert wait_for(lambda: process.poll() is not None, seconds=120), log.read_text()
        assert wait_for(lambda: "gave no sign of life" in log.read_text(), seconds=30)


def _watches(pid: int) -> set[int]:
    """Return the living watches among the children of a process."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    found = {int(text) for text in children.read_text().split()} if children.exists() else set()
    return {
        child
        for child in found
        if b"worker/watch.py" in Path(f"/proc/{child}/cmdline").read_bytes()
    }


class TestStopClaims:
    """What the watch does in the queue."""

    def test_several_are_tried_alone_next(self) -> None:
        ids = _deposit(*_others(3))
        token = uuid4()
        assert len(_claim(token, 10)) == 3
        assert {row[2] for row in stop_claims(actor=SYSTEM, token=token)} == {False}
        assert [len(_claim(uuid4(), 10)) for _ in ids] == [1, 1, 1]

    def test_one_alone_is_tried_once_more(self) -> None:
        [report_id] = _deposit(*_others(1))
        for quarantined in (False, True):
            token = uuid4()
            assert len(_claim(token, 10)) == 1
            assert stop_claims(actor=SYSTEM, token=token) == [
                (report_id, Stage.HARMONISE, quarantined)
            ]
        assert count_work() == {"QUARANTINE": 1}

    def test_what_another_worker_has_by_now_stays_there(self) -> None:
        _deposit(*_others(1))
        _claim(uuid4(), 10)
        assert stop_claims(actor=SYSTEM, token=uuid4()) == []
        assert len(_held()) == 1


def _claim(token: UUID, size: int) -> list[object]:
    return list(
        claim_batch(actor=SYSTEM, stage=Stage.HARMONISE, size=size, token=token, lease=_LEASE)
    )
