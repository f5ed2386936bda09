"""From answers to a model in use: trained, read, activated, and what it suggests instead."""

import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from django.db import connection

from benchmarks.truth.world import World
from fanal.cli.crosscheck import activate, model, model_in_use
from fanal.cli.failures import CommandRefused
from fanal.crosscheck.linkage import model as linkage_model
from fanal.crosscheck.linkage.model import candidate
from fanal.crosscheck.linkage.stored import find_resemblances, labels_of, stored_persons
from fanal.crosscheck.operations.judge import judge_suggestion
from fanal.crosscheck.operations.rebuild import rebuild
from fanal.crosscheck.similar.queries import list_suggestions, rejected_reports
from tests.integration.crosscheck.test_near import ANALYST, NOW, SYSTEM, deposit, new_id

pytestmark = [pytest.mark.django_db, pytest.mark.role("worker")]


@pytest.fixture(autouse=True)
def keys(installed_keys: None) -> None:
    """The ledger signs."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of an installation where nobody has activated anything."""
    monkeypatch.setenv("FANAL_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def resembling() -> dict[tuple[object, object], tuple[float, str]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT report_id, other_id, score, model FROM crosscheck_resemblance")
        return {(one, two): (round(score, 4), name) for one, two, score, name in cursor.fetchall()}


def learnt(home: Path) -> Path:
    """Train on what stands, as the command does, and write the candidate."""
    stored = stored_persons(SYSTEM)
    labels = labels_of(SYSTEM, stored.ids)
    found = candidate(
        stored.persons, labels, seed=1, shipped=model_in_use().model, name="candidate"
    )
    path = home.parent / "candidate.json"
    path.write_text(json.dumps(found | {"compared_with": model_in_use().version}), "utf-8")
    return path


def test_answers_train_a_model_that_is_read_activated_and_suggests_otherwise(home: Path) -> None:
    told = World(400, seed=3).reports()
    deposit((new_id(NOW), one.body) for one in told)
    find_resemblances(SYSTEM, used=model_in_use(), engine="duckdb", master="", now=NOW)
    before = resembling()
    assert before
    asked = list_suggestions(actor=ANALYST)
    for n, one in enumerate(asked):
        judge_suggestion(
            actor=ANALYST,
            report_id=one.report_id,
            other_id=one.other_id,
            accept=n > 1,
            reason="x",
            now=NOW,
        )
    # Who was rejected and is in no dossier counts as somebody else than all others.
    apart = {end for one in asked[:2] for end in (one.report_id, one.other_id)}
    assert set(rejected_reports(actor=SYSTEM)) == apart
    stored = stored_persons(SYSTEM)
    labels = dict(zip(stored.ids, labels_of(SYSTEM, stored.ids), strict=True))
    assert all(labels[end] >= 0 for end in apart)
    path = learnt(home)

    run = CliRunner()
    shown = run.invoke(model, [str(path), "--lang", "en"])
    assert shown.exit_code == 0
    assert shown.output.startswith("linkage/candidate\ntrained on: reports ")
    assert "bits  The same e-mail." in shown.output
    assert run.invoke(activate, [str(path)]).exit_code == 0
    assert model_in_use().version == "linkage/candidate"
    rebuild(actor=SYSTEM, now=NOW)
    find_resemblances(SYSTEM, used=model_in_use(), engine="duckdb", master="", now=NOW)
    after = resembling()
    assert {name for _, name in after.values()} == {"linkage/candidate"}
    assert {pair: score for pair, (score, _) in after.items()} != {
        pair: score for pair, (score, _) in before.items()
    }
    assert run.invoke(activate, ["--shipped"]).exit_code == 0
    assert model_in_use().version == linkage_model.shipped().version


def test_little_moves_the_shipped_numbers_little_and_nothing_leaves_no_gap(home: Path) -> None:
    person = {"role": "SUSPECT", "emails": ["rare@mail.test"]}
    deposit((new_id(NOW), {"persons": [person]}) for _ in range(3))
    found = linkage_model.read_model(learnt(home))
    ours = dict(levels(linkage_model.shipped().model))
    for place, numbers in levels(found.model):
        assert numbers.keys() == ours[place].keys()
        assert all(0.5 < number / ours[place][name] < 2 for name, number in numbers.items())


def levels(settings: dict[str, object]) -> list[tuple[tuple[str, str], dict[str, float]]]:
    return [
        (
            (one["output_column_name"], level["label_for_charts"]),
            {n: level[n] for n in ("m_probability", "u_probability") if level.get(n) is not None},
        )
        for one in settings["comparisons"]
        for level in one["comparison_levels"]
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m["comparisons"][0]["comparison_levels"][1].update(
            sql_condition="email_l = email_r OR (SELECT count(*) FROM read_csv('/etc/hosts')) > 0"
        ),
        lambda m: m["blocking_rules_to_generate_predictions"].append({"blocking_rule": "1 = 1"}),
        lambda m: m["blocking_rules_to_generate_predictions"].append("1=0); SELECT (1"),
        lambda m: m["blocking_rules_to_generate_predictions"][0].update(salting_partitions=10**9),
        lambda m: m["blocking_rules_to_generate_predictions"][0].update(arrays_to_explode=["a"]),
        lambda m: m["comparisons"].append("x"),
        lambda m: m["comparisons"][0].update(comparison_description="x"),
        lambda m: m["comparisons"][0]["comparison_levels"].append("1 = 1"),
        lambda m: m["comparisons"][0]["comparison_levels"][0].update(m_probability=0.5),
        lambda m: m["comparisons"][0]["comparison_levels"][1].pop("u_probability"),
        lambda m: m["comparisons"][0]["comparison_levels"][1].update(u_probability="0.5); SELECT"),
        lambda m: m["comparisons"][0].update(m_probability="x"),
        lambda m: m["comparisons"].pop(),
        lambda m: m["comparisons"][0]["comparison_levels"][1].update(m_probability=1.5),
        lambda m: m["comparisons"][0]["comparison_levels"][1].update(m_probability="x"),
        lambda m: m.update(probability_two_random_records_match=True),
        lambda m: m.update(link_type="link_only"),
        lambda m: m.update(source_dataset_column_name="x"),
        lambda m: m.update(match_weight_column_prefix="mw_ , (SELECT 1) AS "),
        lambda m: m.update(bayes_factor_column_prefix="bf_ , (SELECT 1) AS "),
        lambda m: m.update(sql_dialect="spark"),
        lambda m: m.update(retain_matching_columns=0),
        lambda m: m.update(max_iterations=10**9),
        lambda m: m.pop("comparisons"),
    ],
)
def test_a_file_with_other_conditions_or_no_probabilities_is_refused(home: Path, change) -> None:
    file = home.parent / "model.json"
    given = msgspec.to_builtins(linkage_model.shipped())
    file.write_text(json.dumps(given))
    assert linkage_model.read_model(file) == linkage_model.shipped()
    change(given["model"])
    file.write_text(json.dumps(given))
    with pytest.raises(linkage_model.ModelRefused):
        linkage_model.activate(home, file)
    assert model_in_use() == linkage_model.shipped()
    linkage_model.place(home).write_text(json.dumps(given))  # put there by hand
    with pytest.raises(CommandRefused):
        model_in_use()


def test_what_is_no_model_at_all_is_refused(home: Path) -> None:
    file = home.parent / "model.json"
    deep = b"[" * 100_000 + b"]" * 100_000
    for content in (b"", b"\xff", b"[]", b'{"schema":1,"version":"x","model":{"a":' + deep + b"}}"):
        file.write_bytes(content)
        with pytest.raises(linkage_model.ModelRefused):
            linkage_model.read_model(file)


def test_the_mark_that_a_run_of_the_engine_leaves_is_not_read(home: Path) -> None:
    file = home.parent / "model.json"
    given = msgspec.to_builtins(linkage_model.shipped())
    given["model"]["linker_uid"] = "1); SELECT (1"
    file.write_text(json.dumps(given))
    assert linkage_model.activate(home, file) == linkage_model.shipped()
    assert "SELECT" not in linkage_model.place(home).read_text()
