"""Re-triage over Parquet: the local engine gives what a dry run gives, and Spark gives what the local one gives."""

import json
import shutil
from pathlib import Path
from random import Random
from uuid import UUID

import pytest
from click.testing import CliRunner

from fanal.analyse.priority.domain.facts import FACTS
from fanal.analyse.priority.domain.rules import read_rules, shipped_texts
from fanal.analyse.priority.domain.scoring import KEPT_CHANGES, compare, priority_of
from fanal.cli.retriage import retriage

parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra `spark`")
IN_FORCE = shipped_texts()[0][1]
CANDIDATE = IN_FORCE.replace("points = 20", "points = 5").replace("from = 65", "from = 75")
CANDIDATE = CANDIDATE.replace(
    f'version = "{read_rules(IN_FORCE).version}"', 'version = "priority/next"'
)
COUNT = 5_000


@pytest.fixture(scope="module")
def facts() -> dict[UUID, dict[str, float]]:
    """Facts of made-up reports: some have none, some an emergency, counts and scores of any size."""
    chance = Random(7)
    return {
        UUID(int=number): {
            name: chance.choice([1, 1, 2, 9, 0.3, 0.8])
            for name in chance.sample(sorted(FACTS), chance.randint(0, 9))
        }
        for number in range(1, COUNT + 1)
    }


@pytest.fixture(scope="module")
def folder(facts: dict[UUID, dict[str, float]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    from fanal.cli.retriage import write_parts
    from fanal.cli.retriage.tables import facts_table

    folder = tmp_path_factory.mktemp("facts")
    rows = list(facts.items())
    write_parts(folder, (facts_table(rows[n : n + 1000]) for n in range(0, COUNT, 1000)))
    (folder / "rules-in-force.toml").write_text(IN_FORCE)
    (folder / "next.toml").write_text(CANDIDATE)
    return folder


def run(folder: Path, out: Path, *more: str) -> dict[str, object]:
    done = CliRunner().invoke(
        retriage,
        [str(folder / "next.toml"), "--facts", str(folder), "--out", str(out), "--json", *more],
        catch_exceptions=False,
    )
    assert done.exit_code == 0, done.output
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def rows(out: Path) -> list[dict[str, object]]:
    found = [row for path in out.glob("part-*") for row in parquet.read_table(path).to_pylist()]
    return sorted(found, key=lambda row: row["report_id"])


def test_every_report_keeps_both_results(
    folder: Path, facts: dict[UUID, dict[str, float]], tmp_path: Path
) -> None:
    outcome = run(folder, tmp_path / "out")
    rules = read_rules(IN_FORCE), read_rules(CANDIDATE)
    expected = [
        compare(priority_of(i, values, rules[0]), priority_of(i, values, rules[1]))
        for i, values in facts.items()
    ]
    got = rows(tmp_path / "out")
    assert [
        (r["report_id"], r["before"], r["after"], r["level_before"], r["level_after"]) for r in got
    ] == [(str(c.report_id), c.before, c.after, c.level_before, c.level_after) for c in expected]
    assert outcome["reports"] == COUNT
    assert outcome["fallen"] == sum(c.after < c.before for c in expected) > KEPT_CHANGES
    assert outcome["risen"] == sum(c.after > c.before for c in expected)
    assert outcome["level_changes"] == sum(c.level_before != c.level_after for c in expected) > 0
    largest = outcome["changes"]
    assert isinstance(largest, list)
    assert len(largest) == KEPT_CHANGES
    moves = sorted((abs(c.after - c.before) for c in expected), reverse=True)[:KEPT_CHANGES]
    assert [abs(c["after"] - c["before"]) for c in largest] == moves
    assert largest[0]["because"]


def test_a_folder_that_holds_something_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("")
    done = CliRunner().invoke(
        retriage, [str(folder / "next.toml"), "--facts", str(folder), "--out", str(tmp_path)]
    )
    assert done.exit_code == 2
    assert sorted(tmp_path.iterdir()) == [tmp_path / "kept"]


@pytest.mark.parametrize("engine", ["local", "spark"])
def test_facts_of_no_report_move_nothing(tmp_path: Path, engine: str) -> None:
    (tmp_path / "rules-in-force.toml").write_text(IN_FORCE)
    (tmp_path / "next.toml").write_text(CANDIDATE)
    outcome = run(tmp_path, tmp_path / "out", "--engine", engine)
    assert (outcome["reports"], outcome["changes"]) == (0, [])


@pytest.mark.serial
def test_spark_gives_the_same(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyspark", reason="needs the extra `spark`")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java 17 or later")
    here = run(folder, tmp_path / "here")
    there = run(folder, tmp_path / "there", "--engine", "spark", "--master", "local[2]")
    assert there == here
    assert rows(tmp_path / "there") == rows(tmp_path / "here")
