"""Rules over all the past under kill -9: a dry run and a new ranking go on where they were, nothing twice.

Real processes. The worker is killed by itself at each named place, in the middle of a portion and between
two; what it leaves is compared with a run that nobody disturbs.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from fanal.analyse.priority.domain.rules import newest_shipped
from fanal.analyse.priority.operations import RULES_JOB
from fanal.kernel.calendar import paris_day
from fanal.pipeline import RANKED_AT_ONCE
from fanal.postgres import Cluster
from fanal.trials import TRIED_AT_ONCE
from tests.live import Live, live, wait_for

pytestmark = pytest.mark.serial
WORKER = "fanal.worker"
REPORTS = TRIED_AT_ONCE + 100
"""Two portions: a kill comes after the first is committed, and within the second."""
PASSWORD = "correct horse battery 71"


@dataclass(slots=True, kw_only=True)
class Desk:
    """A served installation full of reports, with two supervisors and a drafted rule set."""

    server: Live
    admin: psycopg.Connection[tuple[object, ...]]
    point_file: Path
    ruleset: str = ""

    def rows(self, query: str, *values: object) -> list[tuple[object, ...]]:
        """Return what the database holds."""
        return self.admin.execute(query, values).fetchall()

    def count(self, query: str, *values: object) -> int:
        """Return one number of the database."""
        return int(str(self.rows(query, *values)[0][0]))

    def arm(self, place: str, count: int = 1) -> set[int]:
        """Let the jobs' process that comes back after a kill end at `place`; return who is armed."""
        self.point_file.write_text(f"{place}:{count}:kill")
        before = set(self.server.children(WORKER))
        for pid in before:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        armed: set[int] = set()

        def back() -> bool:
            armed.update(set(self.server.jobs()) - before)
            return bool(armed)

        assert wait_for(back), self.server.told()
        return armed

    def wait_for_death(self, armed: set[int]) -> None:
        """Wait until an armed process has ended by itself; the next one is armed no more.

        A place is read as the program starts, of which the next process of jobs is a fork: all of it starts again.
        """
        assert wait_for(
            lambda: not any(Path(f"/proc/{pid}").exists() for pid in armed), seconds=120, beat=0.02
        ), self.server.told()
        self.point_file.write_text("")
        for pid in self.server.leaders(WORKER):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def wake(self) -> None:
        """Let the next worker carry on at once what a dead one held: its minute is not waited for."""
        self.server.queue(RULES_JOB)

    def begin_trial(self) -> str:
        """Begin a dry run over everything and return its id."""
        done = subprocess.run(
            [sys.executable, "-m", "tests.faults.begin_trial", self.ruleset, "one"],
            env=self.server.environment(PYTHONPATH="src:."),
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def outcome(self, trial: str) -> dict[str, object]:
        """Wait for the end of a dry run and return what it found, without its instants."""
        ended = "SELECT count(*) FROM analyse_trial WHERE id = %s AND finished_at IS NOT NULL"
        assert wait_for(lambda: self.count(ended, trial), seconds=200), self.server.told()
        [(body,)] = self.rows("SELECT outcome FROM analyse_trial WHERE id = %s", trial)
        changes = self.rows(
            "SELECT report_id, score_before, score_after, level_before, level_after"
            " FROM analyse_trial_change WHERE trial_id = %s ORDER BY report_id, score_after",
            trial,
        )
        return json.loads(bytes(body)) | {"each": changes}  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    point_file = Path(tempfile.gettempdir()) / f"fanal-failpoint-rules-{os.getpid()}"
    point_file.write_text("")
    try:
        with live(FANAL_FAILPOINT=f"@{point_file}", FANAL_WORKERS="1") as server:
            url = Cluster.open(home=server.home, environ=os.environ).admin_url("fanal")
            with psycopg.connect(url, autocommit=True) as admin:
                made = Desk(server=server, admin=admin, point_file=point_file)
                _fill(made)
                made.ruleset = _drafted(server)
                yield made
    finally:
        point_file.unlink()


def _fill(desk: Desk) -> None:
    lines = desk.server.home.parent / "many.jsonl"
    kinds = ("GROOMING", "OTHER", "SEXTORTION")
    reports = [{"reference": f"r-{n}", "kind": kinds[n % 3]} for n in range(REPORTS)]
    lines.write_text("".join(f"{json.dumps(report)}\n" for report in reports))
    desk.server.command("import", "jsonl", str(lines))
    left = "SELECT count(*) FROM intake_work WHERE stage <> 'DONE'"
    assert wait_for(lambda: desk.count(left) == 0, seconds=240, beat=0.5), desk.server.told()


def _drafted(server: Live) -> str:
    """Draft the rules in force with one that gives every report of one kind more points."""
    for login in ("one", "other"):
        server.command("user", "add", login, "--name", login, "--password", PASSWORD)
        server.command("user", "grant", login, "SUPERVISOR", "--act", "a", "--desk", "1")
    server.command("rules", "list")  # puts the shipped rules in force
    newest = newest_shipped(on=paris_day(datetime.now(UTC)))
    listed = server.lines("rules", "list")
    assert next(r for r in listed if r["version"] == newest.version)["state"] == "ACTIVE"
    source = Path("src/fanal/analyse/data/priority") / f"{newest.version.partition('/')[2]}.toml"
    text = source.read_text().replace(f'"{newest.version}"', f'"{newest.version}-tried"')
    draft = server.home.parent / "draft.toml"
    draft.write_text(_more(text))
    return server.command("rules", "draft", str(draft), "--as", "one").stdout.strip()


def _more(text: str) -> str:
    """Return a rule set in which reports of grooming get three points more."""
    head, mark, tail = text.partition('code = "KIND_GROOMING"')
    assert mark
    before, points, after = tail.partition("points = ")
    number, end, rest = after.partition("\n")
    return f"{head}{mark}{before}{points}{int(number) + 3}{end}{rest}"


def test_a_dry_run_that_is_killed_counts_everything_once(desk: Desk) -> None:
    found = []
    for place, count in (("trial.committed", 1), ("trial.tried", 2)):
        armed = desk.arm(place, count)
        trial = desk.begin_trial()
        desk.wait_for_death(armed)
        reached = "SELECT count(*) FROM analyse_trial WHERE id = %s AND finished_at IS NULL"
        assert desk.count(reached, trial) == 1
        desk.wake()
        found.append(desk.outcome(trial))
    undisturbed = desk.outcome(desk.begin_trial())
    assert undisturbed["reports"] == REPORTS
    assert undisturbed["risen"] == len(range(0, REPORTS, 3))
    assert found == [undisturbed, undisturbed]


def test_a_new_ranking_that_is_killed_ranks_everything_once(desk: Desk) -> None:
    assert RANKED_AT_ONCE < REPORTS
    before = desk.count("SELECT count(*) FROM analyse_priority")
    assert before == REPORTS
    armed = desk.arm("rerank.committed")
    desk.server.command("rules", "activate", desk.ruleset, "--as", "other")
    desk.wait_for_death(armed)
    armed = desk.arm("rerank.written")
    desk.wake()
    desk.wait_for_death(armed)
    # From here on nobody wakes the next one: the schedule looks each minute.
    mine = " FROM analyse_rerank WHERE ruleset_id = %s AND finished_at IS NOT NULL"
    assert wait_for(lambda: desk.count(f"SELECT count(*){mine}", desk.ruleset) == 1, seconds=200), (
        desk.server.told()
    )
    each = desk.rows(
        "SELECT revisions, versions, count(*) FROM (SELECT report_id, count(*) AS revisions,"
        " count(DISTINCT rule_version) AS versions FROM analyse_priority GROUP BY report_id) AS one"
        " GROUP BY 1, 2"
    )
    assert each == [(2, 2, REPORTS)]  # the first result is kept, and none has a third
    proposed = "SELECT count(*) FROM orient_proposal"
    assert desk.count(proposed) == 2 * REPORTS
    assert desk.rows(f"SELECT changed{mine}", desk.ruleset) == [(REPORTS,)]
    states = desk.rows("SELECT DISTINCT state FROM orient_case")
    assert set(states) <= {("TO_ASSESS",), ("FOLDED",)}
    [*problems, summary] = desk.server.lines("ledger", "verify", check=False)
    assert (problems, summary["whole"]) == ([], True)
