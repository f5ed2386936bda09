"""Reports brought in, shown and written out by the commands of a production installation.

Each read and each writing is in the name of a person.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from fanal.cli.imports import BATCH
from tests.integration.cli.installing import CHIEF, DESK_ADDRESS, Installed, all_done, working
from tests.integration.cli.packages import written
from tests.live import wait_for

pytestmark = pytest.mark.xdist_group("installed")
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
        write = ["export", "ncmec-xml", "import:whole", "--out", str(out), *CHIEF]
        bare, sent = installed.call(write, [*write, "--code", installed.chief_code])
        assert "asks for the second factor of chief" in bare.err
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


def test_no_shell_opens_an_identity_in_somebodys_name(installed: Installed) -> None:
    source = installed.write("named.jsonl", {"reference": "named", "kind": "OTHER"})
    [brought] = installed.call(["import", "jsonl", source])
    assert brought.status == 0, brought.err
    show = ["report", "show", "named", "--reveal-reporter", "--motive", "file 12 of the court"]
    opened = installed.count("SELECT count(*) FROM harmonise_opening")
    bare, wrong = installed.call([*show, *CHIEF], [*show, *CHIEF, "--code", "000000"])
    assert [a.complaint(2) for a in (bare, wrong)] == [None] * 2
    assert "asks for the second factor of chief" in bare.err
    assert installed.count("SELECT count(*) FROM harmonise_opening") == opened


def partners_read(installed: Installed, out: Path) -> None:
    """The same report in the formats of other partners; a proposal of law only as a trial."""
    names = ("xarf", "dsa-18", "com-2022-209")
    proof = [*CHIEF, "--code", installed.chief_code]
    calls = [["export", n, "import:whole", "--out", str(out / n), *proof] for n in names]
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
def held_before(installed: Installed, reference: str) -> Iterator[None]:
    """Let nothing come in from a report on; at the end whatever waited is committed or undone."""
    with psycopg.connect(installed.url, autocommit=True) as admin:
        admin.execute("SELECT pg_advisory_lock(7105)")
        admin.execute(
            "CREATE FUNCTION held() RETURNS trigger LANGUAGE plpgsql"
            " AS 'BEGIN PERFORM pg_advisory_xact_lock(7105); RETURN NEW; END'"
        )
        try:
            admin.execute(
                "CREATE TRIGGER held BEFORE INSERT ON intake_report FOR EACH ROW"
                f" WHEN (NEW.reference = '{reference}') EXECUTE FUNCTION held()"
            )
            yield
        finally:
            admin.execute("SELECT pg_advisory_unlock(7105)")
            admin.execute("DROP FUNCTION held() CASCADE")


def test_an_import_killed_midway_is_run_again(installed: Installed) -> None:
    size = 5 * BATCH
    mine = "SELECT count(*) FROM intake_report WHERE reference LIKE 'k-%%'"
    source = installed.write(
        "many.jsonl", *({"reference": f"k-{n}", "kind": "OTHER"} for n in range(size))
    )
    with held_before(installed, f"k-{2 * BATCH + 71}"):
        running = installed.start("import", "jsonl", source, "--partner", "killed")
        try:
            assert wait_for(lambda: installed.count(mine) == 2 * BATCH, seconds=90)
        finally:
            os.kill(running.pid, signal.SIGKILL)
            running.wait(30)
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
    # A kill may leave sealed bytes that no row points to, the last torn: none was acknowledged. Nothing is missing.
    codes = {line.partition(":")[0] for line in found.out.splitlines()[:-1]}
    assert codes <= {"ORPHAN", "LEFTOVER"}, codes
    assert whole.status == 0, whole.out[:500] + whole.err


def test_an_import_stopped_by_a_key_says_what_came_in_and_the_rest_follows(
    installed: Installed,
) -> None:
    size = 5 * BATCH
    mine = "SELECT count(*) FROM intake_report WHERE reference LIKE 'stop-%%'"
    source = installed.write(
        "stopped.jsonl", *({"reference": f"stop-{n}", "kind": "OTHER"} for n in range(size))
    )
    command = ["import", "jsonl", source, "--partner", "stopped"]
    # A run of tests in the background has the key's signal ignored, and so has whatever it starts.
    with held_before(installed, f"stop-{2 * BATCH + 71}"):
        inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            running = installed.start(*command, told=subprocess.PIPE)
        finally:
            signal.signal(signal.SIGINT, inherited)
        try:
            assert wait_for(lambda: installed.count(mine) == 2 * BATCH, seconds=90)
            os.kill(running.pid, signal.SIGINT)
            _, told = running.communicate(timeout=60)
        finally:
            running.kill()
            running.wait(30)
    stored = installed.count(mine)
    assert 0 < stored < size, stored
    assert running.returncode == 1
    said = re.search(
        r"import arrêté ; les signalements importés restent : ([\d ]+) reçus", plain(told.decode())
    )
    assert said is not None, told
    assert stored - int(said[1].replace(" ", "")) in {0, BATCH}, (
        "a batch may be committed as the key is pressed"
    )
    [again] = installed.call(command)
    assert json.loads(again.out) == {
        "received": size - stored, "repeated": stored, "conflicts": 0, "refused": 0,
    }  # fmt: skip


def plain(text: str) -> str:
    """Text with ordinary spaces before its signs."""
    return text.replace("\u202f", " ").replace("\xa0", " ")
