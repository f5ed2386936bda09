"""Reports brought in, shown and written out by the commands of a production installation.

Each read and each writing is in the name of a person (decisions 14).
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from fanal.config.databases import open_databases
from fanal.postgres import Cluster
from tests.integration.cli.calling import Answer, Manner, call_all
from tests.integration.cli.packages import written
from tests.live import FANAL, wait_for
from tests.server import fast_folder

DESK_ADDRESS = "desk-31@desk.example"
CHIEF = ["--as", "chief"]
FULL = {
    "reference": "whole",
    "kind": "GROOMING",
    "occurred_at": "2026-11-01T10:00:00Z",
    "channel": "SOCIAL",
    "platform": "Blocks",
    "urls": ["https://blocks.example/world/12"],
    "description": "Someone asks for secrets.",
    "persons": [
        {
            "role": "SUSPECT",
            "handles": [{"value": "pixel_fox_77", "platform": "Blocks"}],
            "emails": ["someone@mail.example"],
            "phones": ["+33199001234"],
            "ips": [{"value": "192.0.2.44", "at": "2026-11-01T09:00:00Z"}],
        },
        {"role": "VICTIM", "age": 12},
    ],
    "files": [{"name": "a.bin", "md5": "0" * 31 + "1", "sha256": "0" * 63 + "2"}],
}
"""What a partner's system and NCMEC's format both have fields for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A production installation with a supervisor, its database held up."""

    home: Path
    url: str
    folder: Path

    def call(self, *calls: list[str]) -> list[Answer]:
        """Make calls in one interpreter."""
        return call_all(
            calls,
            home=self.home,
            folder=self.folder,
            manner=Manner.STARTED,
            FANAL_MAIL_FROM=DESK_ADDRESS,
        )

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a command in a process of its own."""
        ours = ("FANAL_", "DATABASE_", "DJANGO_", "PYTEST_", "PG")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
        return subprocess.Popen(
            [*FANAL, *arguments],
            env=kept | {"FANAL_HOME": str(self.home)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def count(self, query: str, *parameters: object) -> int:
        """Return one number of the database."""
        with psycopg.connect(self.url) as admin:
            row = admin.execute(query, parameters).fetchone()
        return int(row[0]) if row else 0

    def rows(self) -> dict[str, int]:
        """Return how many rows every table holds."""
        with psycopg.connect(self.url) as admin:
            names = admin.execute(
                "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
                " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
            ).fetchall()
            union = " UNION ALL ".join(f"SELECT '{n}', count(*) FROM {n}" for (n,) in names)
            return dict(admin.execute(union).fetchall())  # type: ignore[arg-type]

    def write(self, name: str, *reports: dict[str, object]) -> str:
        """Write reports as JSON lines and return the path."""
        path = self.home.parent / name
        path.write_text("".join(json.dumps(report) + "\n" for report in reports))
        return str(path)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    folder = Path(tempfile.mkdtemp(prefix="fanal-in-", dir=fast_folder()))
    folder.chmod(0o755)
    home, out = folder / "var", tmp_path_factory.mktemp("out")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("DATABASE_", "FANAL_"))}
    try:
        [made] = call_all([["migrate"]], home=home, folder=out)
        assert made.status == 0, made.err
        with open_databases(home=home, environ=clean) as databases:
            assert databases.cluster is not None
            found = Installed(home=home, url=databases.cluster.admin_url("fanal"), folder=out)
            password = ["--password", "correct horse battery 71"]
            people = found.call(
                ["user", "add", "chief", "--name", "C", *password],
                ["user", "grant", "chief", "SUPERVISOR", "--act", "a", "--desk", "1"],
                ["user", "add", "keeper", "--name", "K", *password],
                ["user", "grant", "keeper", "ADMINISTRATOR", "--act", "a"],
            )
            assert [(p.status, p.err) for p in people] == [(0, "")] * 4
            yield found
    finally:
        Cluster.open(home=home, environ=clean).stop()
        shutil.rmtree(folder, ignore_errors=True)


def read_entries(installed: Installed, login: str) -> int:
    return installed.count(
        "SELECT count(*) FROM ledger_entry e JOIN accounts_user u ON u.person_id = e.actor_id"
        " WHERE u.username = %s AND e.action IN ('report.read', 'report.export')",
        login,
    )


def test_content_is_read_in_somebodys_name_and_before_any_stage(installed: Installed) -> None:
    source = installed.write("one.jsonl", {"reference": "first", "kind": "OTHER"})
    show = ["report", "show", "first", "--json"]
    [brought] = installed.call(["import", "jsonl", source])
    assert json.loads(brought.out) == {"received": 1, "repeated": 0, "conflicts": 0, "refused": 0}

    nobody, unknown, keeper = installed.call(
        show, [*show, "--as", "nobody"], [*show, "--as", "keeper"]
    )
    assert [a.complaint(2) for a in (nobody, unknown, keeper)] == [None] * 3
    assert [a.out for a in (nobody, unknown, keeper)] == [""] * 3
    assert "--as USER" in nobody.err
    assert read_entries(installed, "keeper") == 0

    before = read_entries(installed, "chief")
    as_json, in_words = installed.call([*show, *CHIEF], ["report", "show", "first", *CHIEF])
    assert (as_json.status, in_words.status) == (0, 0), as_json.err + in_words.err
    view = json.loads(as_json.out)
    assert (view["reference"], view["state"], view["stage"]) == ("first", "FINISHED", "HARMONISE")
    assert [view[name] for name in ("harmonised", "priority", "proposal", "dossier")] == [None] * 4
    assert [view[name] for name in ("selectors", "findings", "links", "decisions")] == [[]] * 4
    assert "HARMONISE" in in_words.out
    assert read_entries(installed, "chief") == before + 2


def test_what_is_written_out_comes_in_again(installed: Installed, tmp_path: Path) -> None:
    source, out = installed.write("full.jsonl", FULL), tmp_path / "out"
    [brought] = installed.call(["import", "jsonl", source])
    assert brought.status == 0, brought.err
    with working(installed):
        all_done(installed)
        [sent] = installed.call(["export", "ncmec-xml", "import:whole", "--out", str(out), *CHIEF])
        assert (sent.status, sent.err) == (0, "")
        [folder] = out.iterdir()
        document = (folder / "report.xml").read_text()
        assert DESK_ADDRESS in document
        back = ["import", "ncmec-xml", str(folder / "report.xml"), "--partner", "other"]
        first, second = installed.call(back, back)
        assert json.loads(first.out) | {"repeated": 0} == json.loads(first.out)
        assert (json.loads(first.out)["received"], json.loads(second.out)["repeated"]) == (1, 1)
        all_done(installed)
    [listed] = installed.call(["report", "list", "--json", *CHIEF])
    views = {v["partner"]: v for v in map(json.loads, listed.out.splitlines())
             if v["harmonised"]["kind"] == "GROOMING"}  # fmt: skip
    given, returned = views["import"], views["other"]
    for name in ("kind", "occurred"):
        assert returned["harmonised"][name] == given["harmonised"][name], name
    assert pairs(given) <= pairs(returned)
    assert {"EMAIL", "PHONE", "HANDLE", "IP", "URL", "MD5", "SHA256"} <= {
        k for k, _ in pairs(given)
    }
    assert any(link["id"] == given["id"] for link in returned["links"])
    partners_read(installed, tmp_path / "exchange")


def partners_read(installed: Installed, out: Path) -> None:
    """The same report in the formats of other partners; a proposal of law only as a trial."""
    names = ("xarf", "dsa-18", "com-2022-209")
    calls = [["export", n, "import:whole", "--out", str(out / n), *CHIEF] for n in names]
    *sent, proposal, trial = installed.call(*calls, [*calls[-1], "--even-if-not-in-force"])
    assert [(a.status, a.err) for a in (*sent, trial)] == [(0, "")] * 3
    assert "COM(2022)209" in proposal.err
    assert (proposal.status, proposal.out) == (2, "")
    assert {p.name for n in names for p in (out / n).rglob("*.json")} == {"1.json"}
    [hoster] = (out / "xarf").rglob("*.json")
    assert json.loads(hoster.read_bytes())["exploitation_type"] == "grooming"
    [back] = installed.call(["import", "dsa-18", str(out / "dsa-18"), "--partner", "authority"])
    assert json.loads(back.out)["received"] == 1


def pairs(view: dict[str, list[dict[str, str]]]) -> set[tuple[str, str]]:
    return {(selector["kind"], selector["value"]) for selector in view["selectors"]}


def test_a_package_brought_in_again_changes_nothing(installed: Installed, tmp_path: Path) -> None:
    """For every format: the same reports, the same rows in every table, the same log."""
    packages = written(tmp_path)
    trial = "--even-if-not-in-force"
    calls = [["import", format_, str(folder), trial] for format_, _, folder in packages.values()]
    first = installed.call(*calls)
    told = {n: json.loads(a.out) for n, a in zip(packages, first, strict=True)}
    nothing = {"received": 0, "repeated": 0, "conflicts": 0, "refused": 0}
    assert told == {n: nothing | {"received": count} for n, (_, count, _) in packages.items()}
    before = installed.rows()
    assert before["public.intake_report"] >= sum(count for _, count, _ in packages.values())
    again = installed.call(*calls)
    told = {n: json.loads(a.out) for n, a in zip(packages, again, strict=True)}
    assert told == {n: nothing | {"repeated": count} for n, (_, count, _) in packages.items()}
    assert installed.rows() == before


@contextlib.contextmanager
def working(installed: Installed) -> Iterator[None]:
    """The stages run meanwhile."""
    worker = installed.start("worker")
    try:
        yield
    finally:
        worker.terminate()
        worker.wait(60)


def all_done(installed: Installed) -> None:
    left = "SELECT count(*) FROM intake_work WHERE stage <> 'DONE'"
    assert wait_for(lambda: installed.count(left) == 0, seconds=90)


def test_an_import_killed_midway_is_run_again(installed: Installed) -> None:
    size = 3000
    mine = "SELECT count(*) FROM intake_report WHERE reference LIKE 'k-%%'"
    source = installed.write(
        "many.jsonl", *({"reference": f"k-{n}", "kind": "OTHER"} for n in range(size))
    )
    running = installed.start("import", "jsonl", source, "--partner", "killed")
    try:
        assert wait_for(lambda: installed.count(mine), seconds=90, beat=0.01)
    finally:
        os.kill(running.pid, signal.SIGKILL)
        running.wait(30)
    time.sleep(0.5)  # what the server had already been sent is committed or undone by now
    stored = installed.count(mine)
    assert 0 < stored < size, stored

    again = ["import", "jsonl", source, "--partner", "killed"]
    fsck = ["fsck", "--grace", "0"]
    first, second, found, _, whole = installed.call(again, again, fsck, [*fsck, "--repair"], fsck)
    assert json.loads(first.out) == {
        "received": size - stored, "repeated": stored, "conflicts": 0, "refused": 0,
    }  # fmt: skip
    assert json.loads(second.out)["repeated"] == size
    assert installed.count(mine) == size
    assert installed.count(mine.replace("count(*)", "count(DISTINCT reference)")) == size
    assert (
        installed.count(
            mine.replace(
                "intake_report", "intake_report r JOIN intake_receipt c ON c.report_id = r.id"
            )
        )
        == size
    )
    # A kill may leave sealed bytes that no row points to: they were never acknowledged. Nothing is missing.
    assert all(line.startswith("ORPHAN:") for line in found.out.splitlines()[:-1]), found.out[:500]
    assert whole.status == 0, whole.out[:500] + whole.err
