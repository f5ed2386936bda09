"""The model of probable links: one result on DuckDB and Spark, and a training that says what it is worth."""

from importlib.util import find_spec

import pytest

from benchmarks.crosscheck_truth import harmonised
from benchmarks.truth.world import World
from fanal.crosscheck.linkage import model
from fanal.crosscheck.linkage.engine import CODES, predict
from fanal.crosscheck.linkage.model import candidate, worth
from fanal.crosscheck.linkage.stored import persons_table
from fanal.crosscheck.similar.domain.suggestions import LEAST
from fanal.reference import label

pytestmark = pytest.mark.long

TOLD = World(1200, seed=21).reports()
LABELS = [told.label for told in TOLD]


@pytest.fixture(scope="module")
def persons():
    return persons_table(enumerate(harmonised(TOLD)))


def test_the_shipped_model_finds_people_and_says_what_is_alike(persons) -> None:
    found = predict(persons, model.load(), least=LEAST)
    judged = worth(found, LABELS)
    assert judged["precision"] > 0.9
    assert judged["recall"] > 0.3
    codes = {code for one in found.values() for code in one.alike}
    assert "HANDLE_EXACT" in codes
    assert {code.rpartition("_")[2] for code in codes} <= set(CODES.values())
    assert all(label("link_because", f"LIKE_{code}", "fr") != f"LIKE_{code}" for code in codes)


def test_a_candidate_is_measured_on_people_it_has_not_seen(persons) -> None:
    found = candidate(persons, LABELS, seed=3, shipped=model.load(), name="test")
    assert found["version"] == "linkage/test"
    assert found["measured"]["precision"] > 0.8
    assert found["shipped_measured"]["pairs"] > 0
    with pytest.raises(ValueError, match="belong together"):
        candidate(persons, [-1] * len(LABELS), seed=3, shipped=None, name="test")
    with pytest.raises(ValueError, match="belong together"):
        candidate(persons.slice(0, 0), [-1, -1], seed=3, shipped=model.load(), name="test")


@pytest.mark.serial
@pytest.mark.skipif(find_spec("pyspark") is None, reason="the extra spark is not installed")
def test_spark_finds_what_duckdb_finds(persons) -> None:
    ours = predict(persons, model.load(), least=LEAST)
    theirs = predict(persons, model.load(), least=LEAST, engine="spark", master="local[2]")
    assert ours.keys() == theirs.keys()
    assert all(abs(ours[p].probability - theirs[p].probability) < 1e-9 for p in ours)
