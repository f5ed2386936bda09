"""Reports under kill -9: what was acknowledged is there, once, whole, and nothing else is.

Real processes, real clients, a history, a final read through the public doors. Every run prints its
seed and the file of its history; `FANAL_FAULT_SEED` repeats the plan. `make soak` runs it large.
"""

import os
import secrets
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import psycopg
import pytest

from fanal.postgres import Cluster
from tests.faults.breaking import Breaker
from tests.faults.filing import FormClient, History, JsonClient, WireClient, open_history
from tests.live import Live, Partner, live, wait_for

pytestmark = pytest.mark.serial
_DRAFTS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How many reports are acknowledged, processes killed, databases killed."""

    reports: int
    kills: int
    databases: int

    @classmethod
    def of(cls, text: str) -> "Size":
        """Read `reports/kills/databases`."""
        reports, kills, databases = (int(part) for part in text.split("/"))
        return cls(reports=reports, kills=kills, databases=databases)


SIZE = Size.of(os.environ.get("FANAL_FAULT_SIZE", "300/20/2"))
SEED = int(os.environ.get("FANAL_FAULT_SEED", secrets.randbelow(10**9)))


@dataclass(slots=True, kw_only=True)
class Ordeal:
    """What is left when the clients are done."""

    server: Live
    partner: Partner
    history: History
    breaker: Breaker
    listed: list[dict[str, object]]


@pytest.fixture(scope="module")
def ordeal() -> Iterator[Ordeal]:
    folder = Path(tempfile.gettempdir())
    history = open_history(folder, seed=SEED)
    print(f"\nseed {SEED}, history {history.file.name}")
    point_file = folder / f"fanal-failpoint-{os.getpid()}"
    point_file.write_text("")
    with live(FANAL_FAILPOINT=f"@{point_file}", FANAL_WORKERS="2") as server:
        partner = server.add_partner("Shapes")
        breaker = Breaker(
            server=server, history=history, random=Random(SEED), point_file=point_file
        )
        _file_and_break(server, partner, history, breaker)
        assert wait_for(server.ready), server.told()
        _wait_until_done(server)
        yield Ordeal(
            server=server,
            partner=partner,
            history=history,
            breaker=breaker,
            listed=server.lines("report", "list"),
        )
    point_file.unlink()
    history.file.close()


@dataclass(slots=True, kw_only=True)
class _Filing:
    """The clients: they file until enough is acknowledged and everything planned is killed."""

    server: Live
    partner: Partner
    history: History
    broken: threading.Event = field(default_factory=threading.Event)

    @property
    def enough(self) -> bool:
        return self.history.acknowledged >= SIZE.reports

    def program(self, client: JsonClient | WireClient, number: int) -> None:
        """File one report after the other; a trickle once enough is filed, for places still ahead."""
        random = Random(f"{SEED}/{client.door}/{number}")
        turn = 0
        while not (self.broken.is_set() and self.enough):
            self.history.add(client.file(f"{client.door}-{number}-{turn}", random))
            turn += 1
            if self.enough:
                self.broken.wait(0.8)

    def person(self, number: int) -> None:
        """Fill in ten forms, wait as the form asks, send them."""
        client = FormClient(self.server)
        turn = 0
        while not self.enough:
            marks = [f"form-{number}-{turn}-{i}" for i in range(_DRAFTS)]
            for mark, draft, at in [d for d in map(client.prepare, marks) if d is not None]:
                time.sleep(max(0.0, at - time.monotonic()))  # the form's own wait, in seconds
                self.history.add(client.send(mark, draft))
            turn += 1


def _file_and_break(server: Live, partner: Partner, history: History, breaker: Breaker) -> None:
    """Let clients file until enough is acknowledged and everything planned is killed."""
    filing = _Filing(server=server, partner=partner, history=history)
    started = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(filing.program, JsonClient(server, partner), n) for n in range(2)]
        jobs += [pool.submit(filing.program, WireClient(server, partner), n) for n in range(2)]
        jobs += [pool.submit(filing.person, n) for n in range(4)]
        try:
            _break(breaker, history)
        finally:
            filing.broken.set()
        for job in jobs:
            job.result()
    print(
        f"{time.monotonic() - started:.0f} s, {breaker.kills} kills ({breaker.named} at named"
        f" places, missed {breaker.missed}), {breaker.database_kills} of the database, slowest"
        f" return {breaker.slowest_return:.1f} s, {dict(history.counts())}"
    )


def _break(breaker: Breaker, history: History) -> None:
    names = breaker.plan(SIZE.kills // 2)
    every = max(1, len(names) // SIZE.databases)
    for turn, name in enumerate(names):
        # Kills are spread over the reports: each waits for its share to be acknowledged.
        share = SIZE.reports * turn // (len(names) + 1)
        wait_for(lambda share=share: history.acknowledged >= share, seconds=120)
        breaker.pair(name)
        if turn % every == every - 1 and breaker.database_kills < SIZE.databases:
            breaker.kill_database()


def _wait_until_done(server: Live) -> None:
    """Wait until no report waits for a stage; 30 s is a dead worker's lease."""
    url = Cluster.open(home=server.home, environ=os.environ).admin_url()

    def waiting() -> int:
        try:
            with psycopg.connect(url, dbname="fanal", autocommit=True) as look:
                row = look.execute(
                    "SELECT count(*) FROM intake_work WHERE quarantined_at IS NULL"
                ).fetchone()
        except psycopg.OperationalError:
            return -1  # the last kill was the database's: it is starting again
        assert row is not None
        return int(row[0])

    assert wait_for(lambda: waiting() == 0, seconds=240 + SIZE.reports / 20, beat=0.5), waiting()


def _by(listed: list[dict[str, object]], state: str) -> list[dict[str, object]]:
    return [report for report in listed if report["state"] == state]


def _mark(report: dict[str, object]) -> str:
    harmonised = report["harmonised"]
    assert isinstance(harmonised, dict), report
    return str(harmonised["platform"])


class TestUnderKills:
    def test_as_much_was_filed_and_killed_as_asked(self, ordeal: Ordeal) -> None:
        counts = ordeal.history.counts()
        assert sum(n for (_, outcome), n in counts.items() if outcome == "ok") >= SIZE.reports
        assert {door for door, _ in counts} == {"form", "json", "wire"}
        assert all(outcome != "refused" for _, outcome in counts), counts
        assert ordeal.breaker.kills >= SIZE.kills
        # Where a busy machine passes a named place too late, the kill is one at random instead.
        missed = max(1, SIZE.kills // 20)
        assert ordeal.breaker.named >= SIZE.kills // 2 - missed, ordeal.breaker.missed
        assert ordeal.breaker.database_kills == SIZE.databases

    def test_none_is_lost(self, ordeal: Ordeal) -> None:
        by_mark = {_mark(report): report for report in _by(ordeal.listed, "FINISHED")}
        acknowledged = [e for e in ordeal.history.entries if e.outcome == "ok"]
        assert [e.mark for e in acknowledged if e.mark not in by_mark] == []
        for entry in acknowledged:
            report = by_mark[entry.mark]
            if entry.door == "json":
                assert (report["id"], report["receipt"]) == (entry.report, entry.receipt)
            if entry.door == "wire":
                assert report["reference"] == entry.report

    def test_none_is_doubled_and_none_came_from_nowhere(self, ordeal: Ordeal) -> None:
        marks = Counter(_mark(report) for report in _by(ordeal.listed, "FINISHED"))
        assert [mark for mark, n in marks.items() if n > 1] == []
        assert set(marks) <= {entry.mark for entry in ordeal.history.entries}

    def test_each_went_through_every_stage(self, ordeal: Ordeal) -> None:
        assert {r["stage"] for r in _by(ordeal.listed, "FINISHED")} == {"DONE"}
        assert all(r["proposal"] and r["priority"] for r in _by(ordeal.listed, "FINISHED"))

    def test_what_stays_open_is_a_wire_submit_whose_answer_was_lost(self, ordeal: Ordeal) -> None:
        wire = [e for e in ordeal.history.entries if e.door == "wire"]
        lost = sum(e.tries for e in wire)
        still = [r for r in ordeal.listed if r["state"] != "FINISHED"]
        assert {r["state"] for r in still} <= {"OPEN"}
        assert len(still) <= lost

    def test_partners_find_each_report_by_its_key(self, ordeal: Ordeal) -> None:
        for entry in ordeal.history.entries:
            if entry.door == "json" and entry.outcome == "ok":
                answer = ordeal.server.json(
                    "GET", f"/reports/by-key/key-{entry.mark}", ordeal.partner
                )
                assert answer.status == 200, (entry, answer)
                assert answer.json["id"] == entry.report

    def test_people_find_theirs_by_its_code(self, ordeal: Ordeal) -> None:
        codes = [e.receipt for e in ordeal.history.entries if e.door == "form" and e.receipt]
        assert len(set(codes)) == len(codes)
        for code in codes[:: max(1, len(codes) // 50)]:
            assert ordeal.server.page("/en/follow/", code=code).status == 200

    def test_every_file_that_was_acknowledged_is_there(self, ordeal: Ordeal) -> None:
        sent = {e.report for e in ordeal.history.entries if e.files and e.outcome == "ok"}
        for report in _by(ordeal.listed, "FINISHED"):
            if report["reference"] in sent:
                harmonised = report["harmonised"]
                assert isinstance(harmonised, dict)
                assert harmonised["files"], report

    def test_sealed_bytes_and_rows_agree(self, ordeal: Ordeal) -> None:
        """Bytes whose transaction died are loose and nothing else is; swept, nothing is left."""
        found = ordeal.server.lines("fsck", "--grace", "0", check=False)
        assert {finding["code"] for finding in found[:-1]} <= {"ORPHAN", "LEFTOVER"}
        ordeal.server.command("fsck", "--grace", "0", "--repair", check=False)
        [*left, summary] = ordeal.server.lines("fsck", "--grace", "0", check=False)
        assert left == []
        assert summary["clean"] is True
        assert int(str(summary["opened"])) >= len(_by(ordeal.listed, "FINISHED"))

    def test_the_ledger_is_whole(self, ordeal: Ordeal) -> None:
        [*problems, summary] = ordeal.server.lines("ledger", "verify", check=False)
        assert problems == []
        assert summary["whole"] is True
